/** Rate and remaining time of a job. A remaining time is told only once it has stopped jumping. */

export interface Meter {
  /** `done` and `total` in one unit of work; returns what is known now. */
  update(done: number, total: number): { rate: number | null; etaSeconds: number | null }
}

/** The rate is that of this much recent time, so that it follows a change of tensor sizes. */
const WINDOW_MS = 20_000
const MIN_ELAPSED_MS = 3_000
/** This many estimates in a row must agree within this factor. */
const AGREEING = 3
const TOLERANCE = 1.25

/** `now` in milliseconds. A new meter is for one phase. */
export function createMeter(now: () => number): Meter {
  const samples: { at: number; done: number }[] = []
  let ends: number[] = []

  return {
    update(done, total) {
      const at = now()
      samples.push({ at, done })
      while (samples.length > 2 && at - (samples[1]?.at ?? at) > WINDOW_MS) samples.shift()
      const first = samples[0] ?? { at, done }
      const elapsed = at - first.at
      if (elapsed < MIN_ELAPSED_MS || done <= first.done) return { rate: null, etaSeconds: null }
      const rate = ((done - first.done) / elapsed) * 1000
      const remaining = Math.max(0, total - done) / rate
      ends = [...ends, remaining].slice(-AGREEING)
      const stable = ends.length === AGREEING && Math.max(...ends) <= Math.min(...ends) * TOLERANCE + 1
      return { rate, etaSeconds: stable ? remaining : null }
    },
  }
}
