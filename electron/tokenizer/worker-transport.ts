/**
 * Runs the tokenizer core in a worker thread, started with the first request. Tokenizing cannot be interrupted, so an aborted
 * request ends the thread when nobody else waits for it; the next request starts a new one.
 */
import { Worker } from 'node:worker_threads'
import { AppError } from '../contract/errors.ts'
import type { TokenizerTransport } from './tokenizers.ts'
import type { TokenizerReply } from './worker-messages.ts'

interface Pending {
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** `entry` is the worker's script, source or bundle. */
export function createWorkerTransport(entry: URL | string): TokenizerTransport {
  const pending = new Map<number, Pending>()
  /** Streams with a push behind them: their state lives in the thread. */
  const openStreams = new Set<number>()
  let worker: Worker | null = null
  let nextId = 1
  let disposed = false

  function running(): Worker {
    if (worker !== null) return worker
    const started = new Worker(entry)
    // An idle tokenizer must not keep the command line alive.
    started.unref()
    started.on('message', settle)
    started.on('error', (error) => lose(started, error))
    started.on('exit', () => lose(started, new Error('the tokenizer thread ended')))
    worker = started
    return started
  }

  function settle(reply: TokenizerReply): void {
    const waiting = take(reply.id)
    if ('error' in reply) waiting?.reject(AppError.fromShape(reply.error))
    else waiting?.resolve(reply.value)
  }

  function take(id: number): Pending | undefined {
    const waiting = pending.get(id)
    pending.delete(id)
    if (pending.size === 0) worker?.unref()
    return waiting
  }

  function lose(lost: Worker, error: Error): void {
    if (worker !== lost) return
    worker = null
    openStreams.clear()
    const all = [...pending.values()]
    pending.clear()
    const failure = new AppError('internal', `Tokenizing failed: ${error.message}. Try again.`, undefined, {
      cause: error,
    })
    for (const waiting of all) waiting.reject(failure)
  }

  function stop(): void {
    const stopped = worker
    worker = null
    openStreams.clear()
    void stopped?.terminate()
  }

  return {
    request(op, input, signal) {
      if (signal?.aborted || disposed) return Promise.reject(new AppError('cancelled', 'cancelled'))
      if ('stream' in input) {
        if (op === 'push') openStreams.add(input.stream)
        else openStreams.delete(input.stream)
      }
      const id = nextId++
      const answer = new Promise<unknown>((resolve, reject) => {
        pending.set(id, { resolve, reject })
        const thread = running()
        thread.ref()
        thread.postMessage({ id, op, input })
      })
      const abort = () => {
        take(id)?.reject(new AppError('cancelled', 'cancelled'))
        if (pending.size === 0 && openStreams.size === 0) stop()
      }
      signal?.addEventListener('abort', abort, { once: true })
      // The thread answers each operation with that operation's output.
      return answer.finally(() => signal?.removeEventListener('abort', abort)) as Promise<never>
    },
    dispose() {
      disposed = true
      for (const id of [...pending.keys()]) take(id)?.reject(new AppError('cancelled', 'cancelled'))
      stop()
    },
  }
}
