/** A share of the line: all downloads together take no more bytes a second than they may. */
import { sleep } from './retry.ts'

export interface RateLimit {
  /** Waits until these bytes may be taken. */
  take(bytes: number, signal: AbortSignal | undefined): Promise<void>
  /** Whether there is one now. */
  isSet(): boolean
}

/** What may be taken at once after a rest. */
const BURST_SECONDS = 0.25

/** `limit` is asked each time, so that a change of the setting takes effect at once; null: no limit. `now` in milliseconds. */
export function createRateLimit(limit: () => number | null, now: () => number): RateLimit {
  /** When everything that was taken so far is paid for. */
  let paidAt = 0
  return {
    async take(bytes, signal) {
      const rate = limit()
      if (rate === null) return
      const at = now()
      paidAt = Math.max(paidAt, at - BURST_SECONDS * 1000) + (bytes / rate) * 1000
      const wait = paidAt - at
      if (wait > 0) await sleep(wait, signal)
    },
    isSet: () => limit() !== null,
  }
}
