/**
 * Cuts a stream of text at the first stop string. Text that could still turn out to be the beginning of one is held back, so a
 * reader never sees part of a stop string.
 */
export interface StopStrings {
  /** Text that may be shown. After a stop string was seen nothing more comes out. */
  push(text: string): string
  /** What was held back and turned out not to be a stop string. */
  end(): string
  readonly stopped: boolean
}

export function createStopStrings(stops: readonly string[]): StopStrings {
  let held = ''
  let stopped = false
  return {
    push(text) {
      if (stopped) return ''
      held += text
      const at = firstStop(held, stops)
      if (at >= 0) {
        stopped = true
        const shown = held.slice(0, at)
        held = ''
        return shown
      }
      const keep = longestBeginning(held, stops)
      const shown = held.slice(0, held.length - keep)
      held = held.slice(held.length - keep)
      return shown
    },
    end() {
      const rest = held
      held = ''
      return rest
    },
    get stopped() {
      return stopped
    },
  }
}

function firstStop(text: string, stops: readonly string[]): number {
  const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  return found.length === 0 ? -1 : Math.min(...found)
}

/** Length of the longest end of `text` with which some stop string begins. */
function longestBeginning(text: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length
    }
  }
  return longest
}
