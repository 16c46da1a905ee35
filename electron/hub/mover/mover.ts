/**
 * A thread that fetches ranges of one file, writes and hashes them. The application keeps the list of chunks, the retries and the
 * progress, and hears where each range has got to.
 */
import { Worker } from 'node:worker_threads'
import { AppError } from '../../contract/errors.ts'
import type { Follower } from '../hash-follower.ts'
import type { MoverData, MoverReply, MoverRequest, RangeAddress, RangeOutcome } from './messages.ts'

export interface MoveOptions {
  signal: AbortSignal
  /** Everything of the range before `at` is written. */
  onMoved(at: number): void
}

/** `stored` is for chunks that somebody else wrote. `close` ends the thread. */
export interface Mover extends Follower {
  /** Resolves when nothing of this range is written any more. Rejects only when the thread itself fails. */
  fetch(address: RangeAddress, begin: number, end: number, options: MoveOptions): Promise<RangeOutcome>
  /** How busy the thread was since this was asked last, from 0 to 1. */
  utilization(): number
}

interface Pending {
  settle(outcome: RangeOutcome): void
  fail(error: unknown): void
  onMoved(at: number): void
}

/** `script` is the thread's entry, source or bundle. */
export function startMover(script: URL | string, data: MoverData): Mover {
  const ranges = new Map<number, Pending>()
  let finishing: { resolve(matches: boolean): void; reject(error: unknown): void } | null = null
  let failure: { error: unknown } | null = null
  let next = 1

  const worker = new Worker(script, { workerData: data })
  let seen = worker.performance.eventLoopUtilization()
  worker.on('message', (reply: MoverReply) => {
    if (reply.kind === 'moved') ranges.get(reply.range)?.onMoved(reply.at)
    else if (reply.kind === 'ended') ranges.get(reply.range)?.settle(reply.outcome)
    else finishing?.resolve(reply.matches)
  })
  worker.on('error', fail)
  worker.on('exit', () => fail(new AppError('internal', 'The thread of the download ended. Start the download again.')))
  const tell = (request: MoverRequest) => worker.postMessage(request)

  function fail(error: unknown): void {
    failure ??= { error }
    for (const range of [...ranges.values()]) range.fail(failure.error)
    finishing?.reject(failure.error)
  }

  return {
    async fetch(address, begin, end, { signal, onMoved }) {
      if (failure !== null) throw failure.error
      if (signal.aborted) return { kind: 'stopped' }
      const range = next++
      const stop = () => tell({ kind: 'stop', range })
      signal.addEventListener('abort', stop, { once: true })
      try {
        return await new Promise((settle, reject) => {
          ranges.set(range, { settle, fail: reject, onMoved })
          tell({ kind: 'fetch', range, address, begin, end })
        })
      } finally {
        ranges.delete(range)
        signal.removeEventListener('abort', stop)
      }
    },
    stored: (chunk) => tell({ kind: 'stored', chunk }),
    utilization() {
      const now = worker.performance.eventLoopUtilization()
      const { utilization } = worker.performance.eventLoopUtilization(now, seen)
      seen = now
      return Number.isFinite(utilization) ? utilization : 0
    },
    finish: () =>
      new Promise((resolve, reject) => {
        if (failure !== null) return reject(failure.error)
        finishing = { resolve, reject }
        tell({ kind: 'finish' })
      }),
    async close() {
      await worker.terminate()
    },
  }
}
