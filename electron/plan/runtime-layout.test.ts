import { describe, expect, it } from 'vitest'
import { quantSpec } from './choices.ts'
import { runtimeBytes } from './runtime-layout.ts'

const square = [384, 384] as const

describe('runtimeBytes', () => {
  it.each([8, 6, 5, 4, 3, 2, 1] as const)('keeps exactly %i bits per weight', (nbits) => {
    expect(runtimeBytes(square, quantSpec(nbits, 64), 'float16').weights).toBe((384 * 384 * nbits) / 8)
    expect(runtimeBytes(square, quantSpec(nbits, 64, { axis: 0 }), 'float16').weights).toBe((384 * 384 * nbits) / 8)
  })

  it('keeps a scale and a zero per group', () => {
    expect(runtimeBytes(square, quantSpec(4, 64), 'float16').metadata).toBe(((384 * 384) / 64) * 4)
    expect(runtimeBytes(square, quantSpec(4, 64), 'float32').metadata).toBe(((384 * 384) / 64) * 8)
    expect(runtimeBytes(square, quantSpec(4, 64, { quantZero: true }), 'float16').metadata).toBe(((384 * 384) / 64) * 8)
    expect(runtimeBytes(square, quantSpec(4, null), 'float16').metadata).toBe(384 * 4)
  })

  it('repeats metadata for groups that straddle rows, and pads rows and columns', () => {
    // Groups of 128 in rows of 576 share no more than 64 columns.
    expect(runtimeBytes([576, 576], quantSpec(4, 128), 'float16').metadata).toBe(576 * 9 * 4)
    expect(runtimeBytes([17, 72], quantSpec(8, 8), 'float16').weights).toBe(32 * 128)
  })

  it('counts what has no kernel as dequantized', () => {
    expect(runtimeBytes([64, 62], quantSpec(4, 31), 'float16')).toEqual({ weights: 64 * 62 * 4, metadata: 0 })
    expect(runtimeBytes([96, 64], quantSpec(4, 64, { axis: 0 }), 'float16')).toEqual({
      weights: 96 * 64 * 4,
      metadata: 0,
    })
  })
})
