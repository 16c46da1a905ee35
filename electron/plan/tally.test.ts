import { describe, expect, it } from 'vitest'
import { signTest, tallyOf, wilson } from './tally.ts'

describe('tallyOf', () => {
  it('says nothing before anybody chose a side', () => {
    expect(tallyOf({ first: 0, second: 0, ties: 4 })).toMatchObject({ share: null, interval: null, pValue: null })
  })

  it('leaves ties out of the share', () => {
    expect(tallyOf({ first: 3, second: 1, ties: 10 })).toMatchObject({ share: 0.75 })
  })
})

describe('wilson', () => {
  // statsmodels.stats.proportion.proportion_confint(..., method='wilson')
  it.each([
    [0, 1, 0, 0.793451],
    [1, 1, 0.206549, 1],
    [5, 10, 0.236593, 0.763407],
    [8, 10, 0.490162, 0.943318],
    [60, 100, 0.502003, 0.690599],
  ])('of %i in %i', (hits, trials, low, high) => {
    const found = wilson(hits, trials)
    expect(found[0]).toBeCloseTo(low, 5)
    expect(found[1]).toBeCloseTo(high, 5)
  })

  it('always holds the share itself, between 0 and 1', () => {
    for (const trials of [1, 2, 7, 1000]) {
      for (let hits = 0; hits <= trials; hits++) {
        const [low, high] = wilson(hits, trials)
        expect(low).toBeGreaterThanOrEqual(0)
        expect(high).toBeLessThanOrEqual(1)
        expect(low <= hits / trials && hits / trials <= high).toBe(true)
      }
    }
  })
})

describe('signTest', () => {
  // scipy.stats.binomtest(hits, trials).pvalue
  it.each([
    [1, 1, 1],
    [5, 10, 1],
    [8, 10, 0.109375],
    [10, 10, 0.001953125],
    [60, 100, 0.05688793364098078],
  ])('of %i in %i', (hits, trials, p) => {
    expect(signTest(hits, trials)).toBeCloseTo(p, 10)
  })

  it('takes thousands of votes', () => {
    expect(signTest(2500, 5000)).toBeCloseTo(1, 6)
    expect(signTest(5000, 5000)).toBe(0)
  })
})
