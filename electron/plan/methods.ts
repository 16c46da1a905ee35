/** The quantization methods as people see them: names of the engine's registry, labels, and what each does and costs. */
import type { MethodName } from '../contract/quant.ts'

export interface MethodInfo {
  name: MethodName
  label: string
  /** Beside a bit width: "3-bit g64, refined". */
  short: string
  /** One sentence: what it does, and what that costs. */
  hint: string
}

export const METHODS: readonly MethodInfo[] = [
  {
    name: 'hqq',
    label: 'Half-quadratic',
    short: 'HQQ',
    hint: 'Moves the zero of each group; what the Python library computes, to the last bit.',
  },
  {
    name: 'refined',
    label: 'Least squares',
    short: 'refined',
    hint: 'Fits scale and zero of each group: same bytes, much better at 2 and 3 bits, about three times as long.',
  },
  {
    name: 'rtn',
    label: 'Plain rounding',
    short: 'RTN',
    hint: 'Rounds on the range of each group: the baseline to compare with.',
  },
]

export function methodInfo(name: MethodName): MethodInfo {
  const info = METHODS.find((method) => method.name === name)
  if (info === undefined) throw new Error(`no description of method ${name}`)
  return info
}
