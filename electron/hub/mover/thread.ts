/** A thread of its own that takes requests; it ends with its work, or fails and says so. */
import { Worker } from 'node:worker_threads'
import { AppError } from '../../contract/errors.ts'
import type { ThreadData } from './messages.ts'

export interface Thread<Request> {
  /** One that has ended hears nothing any more. */
  tell(request: Request): void
  /** Throws what the thread failed with, if it did. */
  check(): void
  /** How busy it was since this was asked last, from 0 to 1. */
  utilization(): number
  /** Afterwards the file is not touched any more. */
  close(): Promise<void>
}

/** `script` is the entry, source or bundle. `onFailure` is called once, also when the thread is closed. */
export function startThread<Request, Reply>(
  script: URL | string,
  data: ThreadData,
  onReply: (reply: Reply) => void,
  onFailure: (error: unknown) => void,
): Thread<Request> {
  const worker = new Worker(script, { workerData: data })
  let failure: { error: unknown } | null = null
  let seen = worker.performance.eventLoopUtilization()

  function fail(error: unknown): void {
    if (failure !== null) return
    failure = { error }
    onFailure(error)
  }
  worker.on('message', onReply)
  worker.on('error', fail)
  worker.on('exit', () => fail(new AppError('internal', 'A thread of the download ended. Start the download again.')))

  return {
    tell: (request) => worker.postMessage(request),
    check() {
      if (failure !== null) throw failure.error
    },
    utilization() {
      const now = worker.performance.eventLoopUtilization()
      const { utilization } = worker.performance.eventLoopUtilization(now, seen)
      seen = now
      return Number.isFinite(utilization) ? utilization : 0
    },
    async close() {
      await worker.terminate()
    },
  }
}
