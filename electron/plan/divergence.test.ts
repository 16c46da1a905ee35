import { describe, expect, it } from 'vitest'
import { firstDifference, klShare, LEAST_KL, MOST_KL, quantile, summarizeDivergence } from './divergence.ts'

describe('summarizeDivergence', () => {
  it('has nothing to say about nothing', () => {
    expect(summarizeDivergence({ kl: [], referenceNll: [], nll: [], referenceTop: [], top: [] }, 0)).toBeNull()
  })

  it('gives means, the tail, agreement and the ratio of perplexities', () => {
    const summary = summarizeDivergence(
      {
        kl: [0.4, 0, 0.2, 0.2],
        referenceNll: [1, 1, 1, 1],
        nll: [1, 1, 2, 1],
        referenceTop: [5, 6, 7, 8],
        top: [5, 6, 7, 9],
      },
      2,
    )
    expect(summary).toMatchObject({ tokens: 4, windows: 2, maxKl: 0.4, topAgreement: 0.75 })
    expect(summary?.meanKl).toBeCloseTo(0.2, 12)
    // numpy.quantile([0, .2, .2, .4], .99)
    expect(summary?.p99Kl).toBeCloseTo(0.394, 12)
    expect(summary?.referencePerplexity).toBeCloseTo(Math.E, 12)
    expect(summary?.perplexityRatio).toBeCloseTo(Math.exp(0.25), 12)
  })

  it('takes long texts', () => {
    const many = Array.from({ length: 300_000 }, (_, index) => index / 300_000)
    const ids = many.map(() => 1)
    const summary = summarizeDivergence({ kl: many, referenceNll: many, nll: many, referenceTop: ids, top: ids }, 600)
    expect(summary?.p99Kl).toBeCloseTo(0.99, 4)
    expect(summary?.perplexityRatio).toBe(1)
  })
})

describe('quantile', () => {
  it('is linear between the nearest values', () => {
    expect(quantile([7], 0.99)).toBe(7)
    expect(quantile([0, 10], 0.25)).toBe(2.5)
    expect(quantile([1, 2, 3], 0.5)).toBe(2)
  })
})

describe('firstDifference', () => {
  it.each([
    [[1, 2, 3], [1, 2, 3], null],
    [[1, 2, 3], [1, 9, 3], 1],
    [[1, 2], [1, 2, 3], 2],
    [[1, 2, 3], [1], 1],
    [[], [], null],
  ])('%j and %j part at %s', (a, b, at) => {
    expect(firstDifference(a, b)).toBe(at)
  })
})

describe('klShare', () => {
  it('grows with the logarithm between the least and the most', () => {
    expect(klShare(LEAST_KL / 2)).toBeNull()
    expect(klShare(Number.NaN)).toBeNull()
    expect(klShare(LEAST_KL)).toBe(0)
    expect(klShare(Math.sqrt(LEAST_KL * MOST_KL))).toBeCloseTo(0.5)
    expect(klShare(MOST_KL)).toBe(1)
    expect(klShare(100)).toBe(1)
  })
})
