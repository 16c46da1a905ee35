import { describe, expect, it } from 'vitest'
import { createMeter } from './progress-meter.ts'

function run(steps: readonly (readonly [seconds: number, done: number])[], total = 1000) {
  let now = 0
  const meter = createMeter(() => now)
  return steps.map(([seconds, done]) => {
    now = seconds * 1000
    return meter.update(done, total)
  })
}

describe('rate and remaining time', () => {
  it('are unknown at first, and the remaining time until it is steady', () => {
    const told = run([
      [0, 0],
      [1, 10],
      [4, 40],
      [5, 50],
      [6, 60],
    ])
    expect(told[1]).toEqual({ rate: null, etaSeconds: null })
    expect(told[2]).toEqual({ rate: 10, etaSeconds: null })
    expect(told[4]).toEqual({ rate: 10, etaSeconds: 94 })
  })

  it('are not told while estimates jump', () => {
    const told = run([
      [0, 0],
      [4, 4],
      [5, 400],
      [6, 401],
    ])
    expect(told.map(({ etaSeconds }) => etaSeconds)).toEqual([null, null, null, null])
  })

  it('follow a change of speed after a while', () => {
    const fast = Array.from({ length: 30 }, (_, second) => [second, second * 10] as const)
    const slow = Array.from({ length: 60 }, (_, second) => [30 + second, 300 + second] as const)
    expect(run([...fast, ...slow]).at(-1)?.rate).toBeCloseTo(1, 1)
  })
})
