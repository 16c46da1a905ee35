/**
 * The quantization methods as people see them: names of the engine's registry, labels, what each does and costs, and which one is
 * best for what.
 */
import type { MethodChoice, MethodName, QuantSpec } from '../contract/quant.ts'

export interface MethodInfo {
  name: MethodChoice
  label: string
  /** Beside a bit width: "3-bit g64, refined". */
  short: string
  /** One sentence: what it does, and what that costs. */
  hint: string
  /** What it measures first, on text that the model writes itself; such a model must be one that runs here. */
  measures: 'nothing' | 'columns' | 'pairs of columns'
}

export const METHODS: readonly MethodInfo[] = [
  {
    name: 'auto',
    label: 'Best for the bits',
    short: 'auto',
    hint: 'Half-quadratic at 8 bits, where all are alike; weighted by use from 4 bits on, errors fed back below; least squares where the model cannot run here.',
    measures: 'pairs of columns',
  },
  {
    name: 'hqq',
    label: 'Half-quadratic',
    short: 'HQQ',
    hint: 'Moves the zero of each group; what the Python library computes, to the last bit.',
    measures: 'nothing',
  },
  {
    name: 'refined',
    label: 'Least squares',
    short: 'refined',
    hint: 'Fits scale and zero of each group: same bytes, much better at 2 and 3 bits, about three times as long.',
    measures: 'nothing',
  },
  {
    name: 'self',
    label: 'Weighted by use',
    short: 'self',
    hint: 'Least squares that spares the columns the model uses most, measured on text it writes itself first: best at 4 bits.',
    measures: 'columns',
  },
  {
    name: 'self-compensated',
    label: 'Errors fed back',
    short: 'self-compensated',
    hint: 'As weighted by use, and later columns take back the errors of earlier ones: best at 3 bits and below, takes longest.',
    measures: 'pairs of columns',
  },
  {
    name: 'rtn',
    label: 'Plain rounding',
    short: 'RTN',
    hint: 'Rounds on the range of each group: the baseline to compare with.',
    measures: 'nothing',
  },
]

export function methodInfo(name: MethodChoice): MethodInfo {
  const info = METHODS.find((method) => method.name === name)
  if (info === undefined) throw new Error(`no description of method ${name}`)
  return info
}

/**
 * The method that `auto` stands for, after the measurements of native/BENCHMARKS.md: no method is measurably better than another at 8
 * bits; from 4 bits on weights by use are as good as feeding errors back on a small model, better on a larger one, and cheaper; below,
 * feeding errors back is the best of all that were tried. `measurable`: the model can run here, which
 * methods that measure need.
 */
export function methodFor(spec: Pick<QuantSpec, 'nbits' | 'method'>, measurable: boolean): MethodName {
  if (spec.method !== 'auto') return spec.method
  if (spec.nbits === 8) return 'hqq'
  if (!measurable) return 'refined'
  return spec.nbits >= 4 ? 'self' : 'self-compensated'
}
