/** One device, one running job: the others wait their turn, in order. */
import { AppError } from '../contract/errors.ts'

/** More than this waiting means that nobody is looking at the answers any more. */
const WAITING_LIMIT = 8

export interface JobQueue {
  /** Runs `job` when all before it have ended. Rejects with `busy` when too many wait, `cancelled` when aborted first. */
  run<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T>
}

export function createJobQueue(): JobQueue {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return {
    async run(signal, job) {
      if (waiting >= WAITING_LIMIT) throw new AppError('busy', 'The engine has too much waiting. Try again later.')
      const before = last
      let leave = () => {}
      const turn = new Promise<void>((resolve) => {
        leave = resolve
      })
      last = before.then(() => turn)
      waiting++
      try {
        await untilAborted(before, signal)
      } catch (error) {
        leave()
        throw error
      } finally {
        waiting--
      }
      try {
        return await job()
      } finally {
        leave()
      }
    },
  }
}

function untilAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new AppError('cancelled', 'cancelled'))
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    void promise.then(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
  })
}
