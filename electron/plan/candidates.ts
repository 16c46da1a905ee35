/** The ways to quantize a layer that are measured for a sensitivity table and that budgets are spent on. */
import type { ComputeDtype, QuantSpec } from '../contract/quant.ts'
import { choiceKey, quantSpec } from './choices.ts'
import { bitsPerWeight, type MatrixShape, specProblem } from './packing.ts'

/** Bits and groups from 2.25 to 8.5 bits a weight, each with metadata of 8 bits where the layer allows it. */
const LADDER: readonly (readonly [bits: 2 | 3 | 4 | 5 | 6 | 8, group: number, eightBitMetadata: boolean])[] = [
  [2, 64, true],
  [2, 32, true],
  [2, 16, true],
  [3, 64, true],
  [3, 64, false],
  [3, 32, true],
  [3, 16, true],
  [4, 64, true],
  [4, 64, false],
  [4, 32, true],
  [5, 64, true],
  [6, 64, true],
  [8, 64, true],
]

/** What is measured on the model itself; the other candidates follow from it by their weighted errors. */
const PROBE = { nbits: 3, groupSize: 64 } as const

/** Candidates that this matrix can have, cheapest first. */
export function candidatesFor(name: string, shape: MatrixShape, dtype: ComputeDtype): QuantSpec[] {
  const found = new Map<string, QuantSpec>()
  for (const [nbits, groupSize, eightBit] of LADDER) {
    const spec = possible(name, shape, nbits, groupSize, eightBit)
    if (spec !== null) found.set(choiceKey({ kind: 'quantize', spec }), spec)
  }
  const cost = (spec: QuantSpec) => bitsPerWeight(shape, spec, dtype)
  return [...found.values()].sort((a, b) => cost(a) - cost(b))
}

/** With 8-bit scales and zeros, else with 8-bit zeros, else with neither. */
function possible(
  name: string,
  shape: MatrixShape,
  nbits: QuantSpec['nbits'],
  groupSize: number,
  eightBit: boolean,
): QuantSpec | null {
  const method = nbits === 8 ? ('hqq' as const) : ('self-compensated' as const)
  const wanted = eightBit
    ? [
        { quantZero: true, quantScale: true },
        { quantZero: true, quantScale: false },
      ]
    : [{ quantZero: false, quantScale: false }]
  for (const metadata of wanted) {
    const spec = quantSpec(nbits, groupSize, { method, ...metadata })
    if (shape[1] % groupSize === 0 && specProblem(name, shape, spec) === null) return spec
  }
  return null
}

/** The candidate that is measured on the model: 3-bit g64, or the nearest that the layer can have. */
export function probeOf(candidates: readonly QuantSpec[]): number {
  const distance = (spec: QuantSpec) =>
    Math.abs(spec.nbits - PROBE.nbits) * 100 +
    Math.abs((spec.groupSize ?? 4096) - PROBE.groupSize) +
    (spec.quantZero ? 1 : 0)
  let best = 0
  candidates.forEach((spec, index) => {
    if (distance(spec) < distance(candidates[best] as QuantSpec)) best = index // an index of candidates
  })
  return best
}
