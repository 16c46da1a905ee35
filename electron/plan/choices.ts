/** Specs and choices as values: defaults, comparison, names for people. */
import type { Choice, Nbits, QuantSpec } from '../contract/quant.ts'
import { methodInfo } from './methods.ts'

export const KEEP: Choice = { kind: 'keep' }

/** Group sizes that are offered; any divisor may be typed. */
export const GROUP_SIZES = [8, 16, 32, 64, 128, 256] as const

export function quantSpec(nbits: Nbits, groupSize: number | null, more: Partial<QuantSpec> = {}): QuantSpec {
  return { nbits, groupSize, axis: 1, method: 'hqq', roundZero: null, quantZero: false, quantScale: false, ...more }
}

export function quantize(nbits: Nbits, groupSize: number | null, more: Partial<QuantSpec> = {}): Choice {
  return { kind: 'quantize', spec: quantSpec(nbits, groupSize, more) }
}

/** Equal keys, equal choices. */
export function choiceKey(choice: Choice): string {
  if (choice.kind === 'keep') return 'keep'
  const { nbits, groupSize, axis, method, roundZero, quantZero, quantScale } = choice.spec
  return [nbits, groupSize, axis, method, roundZero, quantZero, quantScale].join('/')
}

export function sameChoice(a: Choice, b: Choice): boolean {
  return a === b || choiceKey(a) === choiceKey(b)
}

/** "4-bit g64", with what is unusual appended: "4-bit g64 axis 0, 8-bit zero". */
export function specLabel(spec: QuantSpec): string {
  const unusual: string[] = []
  if (spec.axis === 0) unusual.push('axis 0')
  if (spec.method !== 'hqq') unusual.push(methodInfo(spec.method).short)
  if (spec.quantZero) unusual.push('8-bit zero')
  if (spec.quantScale) unusual.push('8-bit scale')
  const label = `${spec.nbits}-bit ${spec.groupSize === null ? 'per channel' : `g${spec.groupSize}`}`
  return unusual.length > 0 ? `${label}, ${unusual.join(', ')}` : label
}

export function choiceLabel(choice: Choice): string {
  return choice.kind === 'keep' ? 'kept' : specLabel(choice.spec)
}

/** One label for a whole table of choices: "4-bit g64", or "mixed 2/4-bit"; null when nothing is quantized. */
export function mixLabel(choices: Iterable<Choice>): string | null {
  const specs = new Map<string, QuantSpec>()
  for (const choice of choices) {
    if (choice.kind === 'quantize') specs.set(choiceKey(choice), choice.spec)
  }
  const [first] = specs.values()
  if (first === undefined) return null
  if (specs.size === 1) return specLabel(first)
  const widths = [...new Set([...specs.values()].map((spec) => spec.nbits))].sort((a, b) => a - b)
  return `mixed ${widths.join('/')}-bit`
}

/** What the engine gets for a null `roundZero`: the reference rounds the initial zero only at 4 bits. */
export function resolvedRoundZero(spec: QuantSpec): boolean {
  return spec.roundZero ?? spec.nbits === 4
}
