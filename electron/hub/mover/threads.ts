/**
 * Threads that take one file after another. One that is done waits for the next: to start one takes as long as to move tens of
 * megabytes over a fast line.
 */
import { Worker } from 'node:worker_threads'
import { AppError } from '../../contract/errors.ts'
import type { ThreadData, ThreadMessage, ThreadReply } from './messages.ts'

export interface Threads {
  /** Begins to start what a large file needs, unless it waits already: for the moment when it is known that one may come. */
  warm(): void
  /** Gives a file to a thread. `onFailure` is called once, also when the file is closed. */
  open<Request, Reply>(
    data: ThreadData,
    onReply: (reply: Reply) => void,
    onFailure: (error: unknown) => void,
  ): Thread<Request>
  /** Ends those that wait. */
  dispose(): Promise<void>
}

/** A thread with a file. */
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

/** One moves, one hashes. */
const FOR_ONE_FILE = 2
/** One that waited for this long is ended. */
const IDLE_MS = 5 * 60_000

/** `script` is the thread's entry, source or bundle. */
export function createThreads(script: URL | string, idleMs = IDLE_MS): Threads {
  const waiting: Waiting[] = []

  function take(): Worker {
    const found = waiting.pop()
    if (found === undefined) return startWorker(script)
    found.stopWaiting()
    found.worker.off('error', ignore)
    return found.worker
  }

  function giveBack(worker: Worker): void {
    const leave = () => {
      stopWaiting()
      waiting.splice(waiting.indexOf(own), 1)
    }
    const late = setTimeout(() => {
      leave()
      void worker.terminate()
    }, idleMs)
    late.unref()
    const stopWaiting = () => {
      clearTimeout(late)
      worker.off('exit', leave)
    }
    const own = { worker, stopWaiting }
    // What it fails with while it has no file is nobody's: the next file gets another one.
    worker.on('error', ignore)
    worker.once('exit', leave)
    // It must not keep the process alive.
    worker.unref()
    waiting.push(own)
  }

  return {
    warm() {
      while (waiting.length < FOR_ONE_FILE) giveBack(startWorker(script))
    },
    open: (data, onReply, onFailure) => openFile(take(), data, onReply, onFailure, giveBack),
    async dispose() {
      const all = waiting.splice(0)
      for (const { stopWaiting } of all) stopWaiting()
      await Promise.all(all.map(({ worker }) => worker.terminate()))
    },
  }
}

interface Waiting {
  readonly worker: Worker
  stopWaiting(): void
}

function startWorker(script: URL | string): Worker {
  return new Worker(script)
}

function ignore(): void {}

/** `giveBack` gets the thread when the file is closed, if it is still alive. */
function openFile<Request, Reply>(
  worker: Worker,
  data: ThreadData,
  onReply: (reply: Reply) => void,
  onFailure: (error: unknown) => void,
  giveBack: (worker: Worker) => void,
): Thread<Request> {
  let failure: { error: unknown } | null = null
  let seen = worker.performance.eventLoopUtilization()
  let alive = true
  let closing: Promise<void> | null = null
  let closed = () => {}

  const fail = (error: unknown) => {
    if (failure !== null) return
    failure = { error }
    onFailure(error)
  }
  const onMessage = (message: ThreadReply<Reply>) => {
    if (message.kind === 'reply') onReply(message.reply)
    else closed()
  }
  const onExit = () => {
    alive = false
    fail(ended())
    closed()
  }
  worker.on('message', onMessage)
  worker.on('error', fail)
  worker.on('exit', onExit)
  worker.ref()
  tellWorker(worker, { kind: 'open', data })

  async function close(): Promise<void> {
    await new Promise<void>((resolve) => {
      closed = resolve
      if (alive) tellWorker(worker, { kind: 'close' })
      else resolve()
    })
    worker.off('message', onMessage)
    worker.off('error', fail)
    worker.off('exit', onExit)
    if (alive) giveBack(worker)
    fail(ended())
  }

  return {
    tell(request) {
      if (closing === null) tellWorker(worker, { kind: 'request', request })
    },
    check() {
      if (failure !== null) throw failure.error
    },
    utilization() {
      const now = worker.performance.eventLoopUtilization()
      const { utilization } = worker.performance.eventLoopUtilization(now, seen)
      seen = now
      return Number.isFinite(utilization) ? utilization : 0
    },
    close() {
      closing ??= close()
      return closing
    },
  }
}

function tellWorker<Request>(worker: Worker, message: ThreadMessage<Request>): void {
  worker.postMessage(message)
}

function ended(): AppError {
  return new AppError('internal', 'A thread of the download ended. Start the download again.')
}
