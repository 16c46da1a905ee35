/**
 * A thread that fetches ranges of one file and writes them. The application keeps the list of chunks, the retries and the progress, and
 * hears where each range has got to.
 */
import type { MoverData, MoverReply, MoverRequest, RangeAddress, RangeOutcome } from './messages.ts'
import type { Threads } from './threads.ts'

export interface MoveOptions {
  signal: AbortSignal
  /** Everything of the range before `at` is written. */
  onMoved(at: number): void
}

export interface Mover {
  /** Resolves when nothing of this range is written any more. Rejects only when the thread itself fails. */
  fetch(address: RangeAddress, begin: number, end: number, options: MoveOptions): Promise<RangeOutcome>
  /** How busy the thread was since this was asked last, from 0 to 1. */
  utilization(): number
  /** Gives the thread back; afterwards nothing is written any more. */
  close(): Promise<void>
}

interface Pending {
  settle(outcome: RangeOutcome): void
  fail(error: unknown): void
  onMoved(at: number): void
}

export function startMover(threads: Threads, data: MoverData): Mover {
  const ranges = new Map<number, Pending>()
  let next = 1
  const thread = threads.open<MoverRequest, MoverReply>(
    data,
    (reply) => {
      if (reply.kind === 'moved') ranges.get(reply.range)?.onMoved(reply.at)
      else ranges.get(reply.range)?.settle(reply.outcome)
    },
    (error) => {
      for (const range of [...ranges.values()]) range.fail(error)
    },
  )

  return {
    async fetch(address, begin, end, { signal, onMoved }) {
      thread.check()
      if (signal.aborted) return { kind: 'stopped' }
      const range = next++
      const stop = () => thread.tell({ kind: 'stop', range })
      signal.addEventListener('abort', stop, { once: true })
      try {
        return await new Promise((settle, fail) => {
          ranges.set(range, { settle, fail, onMoved })
          thread.tell({ kind: 'fetch', range, address, begin, end })
        })
      } finally {
        ranges.delete(range)
        signal.removeEventListener('abort', stop)
      }
    },
    utilization: thread.utilization,
    close: thread.close,
  }
}
