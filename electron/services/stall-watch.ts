/** Notices work that has stopped moving: a hung engine still answers on its wire, so silence is all there is to go by. */

export interface StallWatch {
  /** The work moved. */
  progress(): void
  /** It ended. */
  stop(): void
}

export interface StallWatchOptions {
  /** Silence that is longer than this is a stall. */
  limitMs: number
  now(): number
  /** Hears when it began to stall (ms), and null when it moved again. */
  onChange(since: number | null): void
}

export function createStallWatch({ limitMs, now, onChange }: StallWatchOptions): StallWatch {
  let moved = now()
  let stalled = false
  let timer = startTimer(limitMs)

  /** One timer for many reports: it looks at the last one when it is due. */
  function startTimer(delayMs: number): NodeJS.Timeout {
    return setTimeout(check, delayMs).unref()
  }

  function check(): void {
    const left = moved + limitMs - now()
    if (left > 0) {
      timer = startTimer(left)
      return
    }
    stalled = true
    onChange(moved)
  }

  return {
    progress() {
      moved = now()
      if (!stalled) return
      stalled = false
      onChange(null)
      timer = startTimer(limitMs)
    },
    stop: () => clearTimeout(timer),
  }
}
