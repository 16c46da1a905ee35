/** Advice on a plan: choices that cost at least as much as a better one, and results that other programs cannot read. */
import { type ComputeDtype, NBITS, type QuantSpec, type ResolvedTensor } from '../contract/quant.ts'
import { choiceKey, GROUP_SIZES, quantSpec, specLabel } from './choices.ts'
import { dtypeBytes, interchangeProblem, nominalBitsPerWeight } from './packing.ts'
import { significant } from './units.ts'

/** Beyond this group size the loss of accuracy can outweigh extra bits, so such a spec is not offered as the better one. */
const LARGEST_SURE_GROUP = 64

/** A spec with more bits that needs no more storage; the one with most bits, then fewest stored bits. Null: none. */
export function dominatingSpec(spec: QuantSpec, dtype: ComputeDtype): QuantSpec | null {
  const cost = nominalBitsPerWeight(spec, dtype)
  for (const nbits of NBITS) {
    if (nbits <= spec.nbits) return null
    for (const groupSize of GROUP_SIZES) {
      if (groupSize > LARGEST_SURE_GROUP) break
      const candidate = quantSpec(nbits, groupSize, { axis: spec.axis })
      if (nominalBitsPerWeight(candidate, dtype) <= cost) return candidate
    }
  }
  return null
}

export function planWarnings(table: readonly ResolvedTensor[], dtype: ComputeDtype): string[] {
  return [...dominated(table, dtype), ...unreadable(table)]
}

function dominated(table: readonly ResolvedTensor[], dtype: ComputeDtype): string[] {
  const warnings: string[] = []
  for (const { spec, count } of distinctSpecs(table)) {
    const cost = nominalBitsPerWeight(spec, dtype)
    const stored = `${specLabel(spec)} stores ${significant(cost, 2)} bits per weight with its metadata`
    const better = dominatingSpec(spec, dtype)
    const unquantized = dtypeBytes(dtype) * 8
    if (cost >= unquantized) {
      warnings.push(`${stored} (${layers(count)}): keeping the weights costs ${unquantized} and loses nothing.`)
    } else if (better !== null) {
      const betterCost = significant(nominalBitsPerWeight(better, dtype), 2)
      warnings.push(
        `${stored} (${layers(count)}): ${specLabel(better)} stores ${betterCost} and has ` +
          `${2 ** better.nbits} levels instead of ${2 ** spec.nbits}.`,
      )
    }
  }
  return warnings
}

function unreadable(table: readonly ResolvedTensor[]): string[] {
  const reasons = new Map<string, number>()
  for (const { shape, choice } of table) {
    if (choice.kind !== 'quantize') continue
    const problem = interchangeProblem([shape[0] ?? 0, shape[1] ?? 0], choice.spec)
    if (problem !== null) reasons.set(problem, (reasons.get(problem) ?? 0) + 1)
  }
  return [...reasons].map(([reason, count]) => `Only this app will read the result: ${reason} (${layers(count)}).`)
}

function distinctSpecs(table: readonly ResolvedTensor[]): { spec: QuantSpec; count: number }[] {
  const found = new Map<string, { spec: QuantSpec; count: number }>()
  for (const { choice } of table) {
    if (choice.kind !== 'quantize') continue
    const key = choiceKey(choice)
    const known = found.get(key)
    if (known === undefined) found.set(key, { spec: choice.spec, count: 1 })
    else known.count += 1
  }
  return [...found.values()]
}

function layers(count: number): string {
  return count === 1 ? '1 layer' : `${count} layers`
}
