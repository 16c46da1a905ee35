import { describe, expect, it } from 'vitest'
import { type Option, spend } from './spend.ts'

/** Numbers between 0 and 1, the same each time. */
function sequence(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

/** Options as layers have them: more bytes, less loss, each layer with a size and a sensitivity of its own. */
function layers(count: number, options: number, seed: number): Option[][] {
  const random = sequence(seed)
  return Array.from({ length: count }, () => {
    const size = 100 + Math.floor(random() * 900)
    const sensitivity = 10 ** (3 * random())
    return Array.from({ length: options }, (_, at) => {
      const bits = 2 + at * 0.5 + random() * 0.2
      return { cost: Math.round(size * bits), loss: sensitivity * 4 ** -bits * (0.8 + 0.4 * random()) }
    })
  })
}

function bruteForce(items: readonly Option[][], budget: number): number {
  function best(item: number, left: number): number {
    if (left < 0) return Number.POSITIVE_INFINITY
    const options = items[item]
    if (options === undefined) return 0
    return Math.min(...options.map(({ cost, loss }) => loss + best(item + 1, left - cost)))
  }
  return best(0, budget)
}

describe('spending a budget', () => {
  it('finds what trying everything finds', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const items = layers(6, 5, seed)
      const cheapest = items.reduce((sum, options) => sum + Math.min(...options.map(({ cost }) => cost)), 0)
      const budget = Math.round(cheapest * (1.02 + 0.01 * seed))
      const found = spend(items, budget)
      const least = bruteForce(items, budget)
      expect(found?.cost).toBeLessThanOrEqual(budget)
      expect(found?.loss).toBeCloseTo(least, 9)
    }
  })

  it('never loses more with more to spend, and takes what is best when all of it fits', () => {
    const items = layers(40, 8, 5)
    let before = Number.POSITIVE_INFINITY
    for (let budget = 40_000; budget <= 160_000; budget += 4_000) {
      const found = spend(items, budget)
      if (found === null) continue
      expect(found.loss).toBeLessThanOrEqual(before * (1 + 1e-9))
      before = found.loss
    }
    const best = items.reduce((sum, options) => sum + Math.min(...options.map(({ loss }) => loss)), 0)
    expect(spend(items, 1e9)?.loss).toBeCloseTo(best, 12)
  })

  it('says when nothing fits, and takes the only option there is', () => {
    expect(spend([[{ cost: 10, loss: 1 }]], 9)).toBeNull()
    expect(spend([[{ cost: 10, loss: 1 }], []].slice(0, 1), 10)?.chosen).toEqual([0])
    expect(
      spend(
        [
          [
            { cost: 10, loss: 0 },
            { cost: 5, loss: 0 },
          ],
        ],
        20,
      )?.chosen,
    ).toEqual([1])
  })

  it('stays within one purchase of the best there could be', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const items = layers(200, 10, seed)
      const budget = 200 * 550 * 3.2
      const found = spend(items, budget)
      const relaxed = spend(items, budget * 1.002)
      expect(found?.cost).toBeGreaterThan(budget * 0.9999)
      expect(found?.loss).toBeLessThan((relaxed?.loss ?? 0) * 1.02)
    }
  })

  it('gets through ten thousand layers with twelve options each', () => {
    const items = layers(10_000, 12, 9)
    const cheapest = items.reduce((sum, options) => sum + Math.min(...options.map(({ cost }) => cost)), 0)
    const found = spend(items, Math.round(cheapest * 1.6))
    expect(found?.cost).toBeGreaterThan(cheapest * 1.599)
  })
})
