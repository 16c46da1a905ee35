import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createStallWatch } from './stall-watch.ts'

beforeEach(() => vi.useFakeTimers({ now: 0 }))
afterEach(() => vi.useRealTimers())

function watched() {
  const heard: (number | null)[] = []
  const watch = createStallWatch({ limitMs: 1000, now: Date.now, onChange: (since) => heard.push(since) })
  return { watch, heard }
}

describe('the watch on a job', () => {
  it('tells once that nothing moves, and when that began', () => {
    const { heard } = watched()
    vi.advanceTimersByTime(999)
    expect(heard).toEqual([])
    vi.advanceTimersByTime(10_000)
    expect(heard).toEqual([0])
  })

  it('is quiet as long as there is progress', () => {
    const { watch, heard } = watched()
    for (let step = 0; step < 20; step++) {
      vi.advanceTimersByTime(900)
      watch.progress()
    }
    expect(heard).toEqual([])
  })

  it('takes it back when the work moves again, and watches on', () => {
    const { watch, heard } = watched()
    vi.advanceTimersByTime(5000)
    watch.progress()
    expect(heard).toEqual([0, null])
    vi.advanceTimersByTime(1000)
    expect(heard).toEqual([0, null, 5000])
  })

  it('says nothing about work that has ended', () => {
    const { watch, heard } = watched()
    watch.stop()
    vi.advanceTimersByTime(5000)
    expect(heard).toEqual([])
  })
})
