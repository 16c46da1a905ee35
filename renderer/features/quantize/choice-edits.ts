/** Changes to choices that keep what they do not name: new bits keep the group, a new group keeps the bits. */
import type { Choice, Nbits, QuantSpec } from '../../../electron/contract/quant.ts'
import { KEEP, quantSpec } from '../../../electron/plan/choices.ts'

export type ChoiceEdit = (choice: Choice) => Choice

/** Two bits and fewer need small groups to be of use (reference README: 2-bit g16). */
function usualGroup(nbits: Nbits): number {
  return nbits <= 2 ? 16 : 64
}

export function setBits(nbits: Nbits): ChoiceEdit {
  return (choice) =>
    choice.kind === 'keep'
      ? { kind: 'quantize', spec: quantSpec(nbits, usualGroup(nbits)) }
      : { kind: 'quantize', spec: { ...choice.spec, nbits } }
}

/** Kept layers stay kept. */
export function changeSpec(change: Partial<QuantSpec>): ChoiceEdit {
  return (choice) => (choice.kind === 'keep' ? choice : { kind: 'quantize', spec: { ...choice.spec, ...change } })
}

export const keepLayers: ChoiceEdit = () => KEEP

/** What all choices agree on; `null` stands for several values, `undefined` for none (all are kept). */
export interface CommonChoice {
  readonly bits: Nbits | 'keep' | null
  readonly groupSize: number | 'channel' | null | undefined
  readonly axis: 0 | 1 | null | undefined
  readonly method: QuantSpec['method'] | null | undefined
  readonly quantZero: boolean | null | undefined
  readonly quantScale: boolean | null | undefined
}

export function commonChoice(choices: readonly Choice[]): CommonChoice {
  const specs = choices.flatMap((choice) => (choice.kind === 'quantize' ? [choice.spec] : []))
  return {
    bits: common(choices.map((choice) => (choice.kind === 'keep' ? 'keep' : choice.spec.nbits))) ?? null,
    groupSize: common(specs.map((spec) => spec.groupSize ?? 'channel')),
    axis: common(specs.map((spec) => spec.axis)),
    method: common(specs.map((spec) => spec.method)),
    quantZero: common(specs.map((spec) => spec.quantZero)),
    quantScale: common(specs.map((spec) => spec.quantScale)),
  }
}

function common<T>(values: readonly T[]): T | null | undefined {
  const [first] = values
  return first === undefined || values.every((value) => value === first) ? first : null
}
