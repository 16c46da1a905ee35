import { describe, expect, it } from 'vitest'
import { createLiveAnswer } from './live-answer.ts'

function setUp() {
  let frame: (() => void) | null = null
  let time = 0
  const live = createLiveAnswer({
    schedule(callback) {
      frame = callback
      return () => {
        frame = null
      }
    },
    now: () => time,
  })
  let told = 0
  live.subscribe(() => {
    told++
  })
  return {
    live,
    told: () => told,
    /** One screen frame of 16 ms. */
    nextFrame() {
      time += 16
      const callback = frame
      frame = null
      callback?.()
    },
  }
}

describe('live answer', () => {
  it('tells readers at most every third frame, without losing text', () => {
    const { live, told, nextFrame } = setUp()
    live.begin()
    const before = told()
    for (let frame = 0; frame < 60; frame++) {
      for (let token = 0; token < 4; token++) live.push({ type: 'text', delta: 'ab ', newTokens: 1 })
      nextFrame()
    }
    expect(told() - before).toBeLessThanOrEqual(21)
    expect(live.text()).toBe('ab '.repeat(240))
    live.flush()
    expect(live.snapshot().text).toBe(live.text())
    expect(live.snapshot().newTokens).toBe(240)
  })

  it('measures time to first text and the rate after it', () => {
    const { live, nextFrame } = setUp()
    live.begin()
    nextFrame()
    live.push({ type: 'prompt', text: 'p', tokens: 5, reusedTokens: 0 })
    for (let token = 0; token < 11; token++) {
      live.push({ type: 'text', delta: 'x', newTokens: 1 })
      nextFrame()
    }
    live.flush()
    expect(live.snapshot()).toMatchObject({ phase: 'writing', promptTokens: 5, timeToFirstTokenMs: 16 })
    expect(live.snapshot().tokensPerSecond).toBeCloseTo(62.5, 5)
  })

  it('begins anew for the next answer', () => {
    const { live } = setUp()
    live.begin()
    live.push({ type: 'text', delta: 'old', newTokens: 1 })
    live.begin()
    expect(live.snapshot()).toMatchObject({ phase: 'waiting', text: '', newTokens: 0 })
  })
})
