/** Progress on stderr: one line written over on a terminal, a line at each phase and each tenth elsewhere. */
import type { JobProgress } from '../contract/domain.ts'
import { formatDisk } from '../plan/units.ts'
import type { Streams } from './output.ts'

export interface ProgressLine {
  update(progress: JobProgress): void
  /** A line of its own. */
  note(text: string): void
  /** Leaves the line so that what follows starts on a new one. */
  end(): void
}

export function createProgressLine(streams: Streams): ProgressLine {
  let shown = 0
  let last = ''

  function clear(): void {
    if (shown > 0) streams.stderr(`\r${' '.repeat(shown)}\r`)
    shown = 0
  }

  return {
    update(progress) {
      const text = describe(progress)
      if (streams.isTerminal) {
        clear()
        streams.stderr(text)
        shown = text.length
        return
      }
      const tenth = progress.total > 0 ? Math.floor((progress.done / progress.total) * 10) : 0
      const step = `${progress.phase} ${tenth}`
      if (step !== last) streams.stderr(`${text}\n`)
      last = step
    },
    note(text) {
      clear()
      streams.stderr(`${text}\n`)
    },
    end: clear,
  }
}

function describe({ phase, done, total, unit, bytesPerSecond, rate, etaSeconds, detail }: JobProgress): string {
  const parts = [`${phase}: ${done}/${total} ${unit}`]
  if (bytesPerSecond !== null) parts.push(`${formatDisk(bytesPerSecond)}/s`)
  if (rate !== null) parts.push(`${rate.toFixed(1)} ${unit}/s`)
  if (etaSeconds !== null) parts.push(`${Math.ceil(etaSeconds)} s left`)
  if (detail !== null) parts.push(detail)
  return parts.join(', ').slice(0, 110)
}
