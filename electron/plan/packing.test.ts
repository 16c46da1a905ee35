import { describe, expect, it } from 'vitest'
import { NBITS, type Nbits } from '../contract/quant.ts'
import { quantSpec } from './choices.ts'
import {
  bitsPerWeight,
  groupCount,
  groupedView,
  interchangeProblem,
  metadataBytes,
  nearbyDivisors,
  nominalBitsPerWeight,
  packedBytes,
  specProblem,
} from './packing.ts'

const square = [4096, 4096] as const

describe('bits per weight (float16 metadata)', () => {
  it.each([
    [8, 64, 8.5],
    [6, 64, 6.5],
    [5, 64, 5.5],
    [4, 64, 4.5],
    [2, 16, 4],
    [2, 8, 6],
    [1, 8, 5],
    [4, 128, 4.25],
  ] as const)('%i-bit g%i stores %f', (nbits, groupSize, bits) => {
    expect(bitsPerWeight(square, quantSpec(nbits, groupSize), 'float16')).toBe(bits)
    expect(bitsPerWeight(square, quantSpec(nbits, groupSize, { axis: 0 }), 'float16')).toBe(bits)
    expect(nominalBitsPerWeight(quantSpec(nbits, groupSize), 'float16')).toBe(bits)
  })

  it('counts the padding of 3-bit words', () => {
    // 262,144 grouped rows are padded to 262,150 and stored ten to four bytes.
    expect(packedBytes(square, quantSpec(3, 64))).toBe(26_215 * 4 * 64)
    // At axis 0 only 64 rows are packed: 7 words for what 6.4 would hold.
    expect(packedBytes(square, quantSpec(3, 64, { axis: 0 }))).toBe(7 * 4 * 262_144)
  })

  it('pads rows that do not fill a word', () => {
    // 75 x 8 weights in groups of 8: 75 rows of 8.
    expect(packedBytes([75, 8], quantSpec(4, 8))).toBe(38 * 8)
    expect(packedBytes([75, 8], quantSpec(2, 8))).toBe(19 * 8)
    expect(packedBytes([75, 8], quantSpec(1, 8))).toBe(10 * 8)
    expect(packedBytes([75, 8], quantSpec(8, 8))).toBe(75 * 8)
    expect(packedBytes([75, 8], quantSpec(6, 8))).toBe(19 * 3 * 8)
    expect(packedBytes([75, 8], quantSpec(5, 8))).toBe(10 * 5 * 8)
    expect(packedBytes([75, 8], quantSpec(3, 8))).toBe(8 * 4 * 8)
  })

  it.each(NBITS)('never packs %i bits below their information', (nbits: Nbits) => {
    for (const shape of [
      [3, 8],
      [64, 64],
      [576, 1536],
      [7, 24],
    ] as const) {
      for (const axis of [0, 1] as const) {
        const bytes = packedBytes(shape, quantSpec(nbits, 8, { axis }))
        expect(bytes * 8).toBeGreaterThanOrEqual(shape[0] * shape[1] * nbits)
      }
    }
  })
})

describe('groups and metadata', () => {
  it('knows the grouped view', () => {
    expect(groupedView([64, 128], quantSpec(4, 32))).toEqual([256, 32])
    expect(groupedView([64, 128], quantSpec(4, 32, { axis: 0 }))).toEqual([32, 256])
    expect(groupedView([64, 128], quantSpec(4, null, { axis: 0 }))).toEqual([64, 128])
    expect(groupCount([64, 128], quantSpec(4, null))).toBe(64)
    expect(groupCount([64, 128], quantSpec(4, null, { axis: 0 }))).toBe(128)
  })

  it('prices scale and zero in the compute dtype or as 8-bit integers', () => {
    const groups = 16_384 / 64
    expect(metadataBytes([128, 128], quantSpec(4, 64), 'float16')).toBe(groups * 4)
    expect(metadataBytes([128, 128], quantSpec(4, 64), 'float32')).toBe(groups * 8)
    expect(metadataBytes([128, 128], quantSpec(4, 64, { quantZero: true }), 'float16')).toBe(groups * 3 + 8)
    expect(metadataBytes([128, 128], quantSpec(4, 64, { quantScale: true, quantZero: true }), 'float16')).toBe(
      groups * 2 + 8 + 2 * 8,
    )
  })
})

describe('what can be stored', () => {
  it('knows what the interchange format cannot express', () => {
    expect(interchangeProblem(square, quantSpec(4, 64))).toBeNull()
    expect(interchangeProblem([75, 8], quantSpec(3, 8))).toBeNull()
    expect(interchangeProblem(square, quantSpec(5, 64))).toMatch(/5-bit/)
    expect(interchangeProblem(square, quantSpec(4, 64, { quantZero: true }))).toMatch(/quantized scales/)
    expect(interchangeProblem([75, 8], quantSpec(4, 8))).toMatch(/75 grouped rows are not a multiple of 2/)
    expect(interchangeProblem([6, 8], quantSpec(2, null))).toMatch(/multiple of 4/)
  })

  it('names the tensor and the divisors near a group size that does not divide', () => {
    expect(specProblem('lm_head', [100, 24], quantSpec(4, 64))).toMatch(/^lm_head has 100 x 24 .*: 48, 80\.$/)
    expect(specProblem('lm_head', [100, 24], quantSpec(4, 48))).toBeNull()
    expect(specProblem('lm_head', [7, 3], quantSpec(4, 8))).toMatch(/: 7, 21\.$/)
    expect(specProblem('a', [16, 16], quantSpec(4, 8, { quantScale: true }))).toMatch(/32 groups/)
  })

  it('finds divisors on both sides', () => {
    expect(nearbyDivisors(4096, 48)).toEqual([32, 64])
    expect(nearbyDivisors(576 * 1536, 100)).toEqual([96, 128])
    expect(nearbyDivisors(13, 5)).toEqual([1, 13])
  })
})
