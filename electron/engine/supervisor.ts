/**
 * Keeps one engine process: starts it with the first request, starts it again when it dies, gives up after too many
 * deaths. Judges a death by whether it was asked for, never by the exit code.
 */

import type { EngineStatus } from '../contract/app.ts'
import type { Machine } from '../contract/domain.ts'
import { type EngineContract, engineContract } from '../contract/engine.ts'
import { AppError, toAppError } from '../contract/errors.ts'
import { type Client, createClient } from '../rpc/client.ts'
import type { EngineProcess, Starter } from './starter.ts'

const BACK_OFF_MS = [500, 1000, 2000, 4000, 8000]
const DEATHS_ALLOWED = 5
const DEATHS_WINDOW_MS = 10 * 60_000
/** A process that has not answered its first question by then is taken for hung. */
const START_LIMIT_MS = 60_000
const GPU_LEFT_ALONE =
  'The engine died when it looked at the GPU, so it runs on the CPU. Restart the engine to try the GPU again.'
/** A cancelled request that has not answered by then gets the process killed: the work may hang off the event loop. */
const CANCEL_LIMIT_MS = 5_000

export interface SupervisorOptions {
  readonly starter: Starter
  /** Runs on each new process before anything else, e.g. to set the thread count. */
  onStarted?(engine: Client<EngineContract>): Promise<void>
  /** Hears what the process writes and how it ends. */
  log?(line: string): void
}

/** A client of the engine that survives the engine. Requests reject with `engine-lost` when the process dies under them. */
export interface Supervisor extends Client<EngineContract> {
  status(): EngineStatus
  /** Calls back after every change; returns how to stop. */
  watch(listener: (status: EngineStatus) => void): () => void
  /** Ends the process if there is one, forgets past deaths and starts anew. */
  restart(): Promise<void>
  dispose(): Promise<void>
}

interface Running {
  readonly process: EngineProcess
  readonly client: Client<EngineContract>
  readonly ready: Promise<void>
  /** Set before it is killed on purpose. */
  asked: boolean
  /** It has told what it is: whatever it dies of later is no matter of starting. */
  answered: boolean
  readonly gone: Promise<void>
}

export function createSupervisor({ starter, onStarted, log }: SupervisorOptions): Supervisor {
  const listeners = new Set<(status: EngineStatus) => void>()
  let deathTimes: number[] = []
  let status: EngineStatus = { state: 'stopped', machine: null, version: null, lastError: null, deaths: 0 }
  let running: Running | undefined
  /** While waiting to start again; resolves when the wait is over. */
  let pause: { readonly over: Promise<void>; end(): void } | undefined
  let disposed = false
  /** Until a process dies before its first answer: then a driver that kills or hangs who asks it is the likeliest cause. */
  let gpu = true

  function update(change: Partial<EngineStatus>): void {
    status = { ...status, ...change, deaths: recentDeaths() }
    for (const listener of listeners) listener(status)
  }

  function recentDeaths(): number {
    const since = Date.now() - DEATHS_WINDOW_MS
    deathTimes = deathTimes.filter((time) => time > since)
    return deathTimes.length
  }

  function start(): Running {
    update({ state: 'starting' })
    const child = starter.start({ gpu })
    const client = createClient(engineContract, child.wire)
    child.onOutput((line) => log?.(line))
    const gone = new Promise<void>((resolve) => {
      child.onExit((detail) => {
        ended(started, detail)
        resolve()
      })
    })
    const started: Running = {
      process: child,
      client,
      gone,
      asked: false,
      answered: false,
      ready: prepare(client, () => started),
    }
    // Those who wait for it hear of a failure; without a waiter it is in the status.
    started.ready.catch(() => {})
    running = started
    return started
  }

  async function prepare(client: Client<EngineContract>, self: () => Running): Promise<void> {
    const limit = setTimeout(() => self().process.kill(), START_LIMIT_MS)
    try {
      const { version, methods: _, ...machine } = await client.call('engine.info', {})
      await onStarted?.(client)
      self().answered = true
      update({ state: 'ready', machine: withGpuStory(machine), version, lastError: null })
    } catch (thrown) {
      const error = toAppError(thrown)
      // An engine that answers that it cannot work will say so again: no use in restarting.
      if (error.code !== 'connection-lost') giveUp(self(), error)
      throw error
    } finally {
      clearTimeout(limit)
    }
  }

  function withGpuStory(machine: Machine): Machine {
    if (gpu || machine.cuda === undefined) return machine
    return { ...machine, cuda: { ...machine.cuda, sentence: GPU_LEFT_ALONE } }
  }

  function giveUp(broken: Running, error: AppError): void {
    broken.asked = true
    broken.process.kill()
    if (running === broken) running = undefined
    update({ state: 'failed', lastError: error.toShape() })
  }

  function ended(dead: Running, detail: string): void {
    log?.(`engine process ended: ${detail}${dead.asked ? ' (asked for)' : ''}`)
    if (running === dead) running = undefined
    if (dead.asked || disposed) return
    if (!dead.answered && gpu) {
      gpu = false
      log?.('engine process died before its first answer; the next one leaves GPUs alone')
    }
    deathTimes.push(Date.now())
    const deaths = recentDeaths()
    const lastError = engineLost(detail).toShape()
    if (deaths >= DEATHS_ALLOWED) update({ state: 'failed', lastError })
    else {
      update({ state: 'restarting', lastError })
      pauseFor(BACK_OFF_MS[Math.min(deaths, BACK_OFF_MS.length) - 1] ?? 0)
    }
  }

  function pauseFor(ms: number): void {
    let finish = () => {}
    const over = new Promise<void>((resolve) => {
      finish = resolve
    })
    const end = () => {
      clearTimeout(timer)
      pause = undefined
      finish()
    }
    const timer = setTimeout(() => {
      end()
      if (!disposed && !running) start()
    }, ms)
    pause = { over, end }
  }

  /** A process that has answered; starts one when there is none and waits through restarts. */
  async function readyEngine(signal: AbortSignal | undefined): Promise<Running> {
    for (;;) {
      if (signal?.aborted) throw new AppError('cancelled', 'cancelled')
      if (disposed) throw new AppError('engine-lost', 'The app is closing.')
      if (status.state === 'failed') throw failure()
      if (pause) await abortable(pause.over, signal)
      else {
        const engine = running ?? start()
        await abortable(
          engine.ready.catch(() => engine.gone),
          signal,
        )
        if (running === engine && status.state === 'ready') return engine
      }
    }
  }

  function failure(): AppError {
    return status.lastError ? AppError.fromShape(status.lastError) : engineLost('it could not be started')
  }

  async function request<T>(
    signal: AbortSignal | undefined,
    send: (client: Client<EngineContract>) => Promise<T>,
  ): Promise<T> {
    const engine = await readyEngine(signal)
    let limit: ReturnType<typeof setTimeout> | undefined
    const onAbort = () => {
      limit = setTimeout(() => {
        log?.(`engine process did not answer a cancel within ${CANCEL_LIMIT_MS} ms`)
        engine.process.kill()
      }, CANCEL_LIMIT_MS)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await send(engine.client)
    } catch (thrown) {
      const error = toAppError(thrown)
      if (error.code !== 'connection-lost') throw error
      await engine.gone
      throw signal?.aborted ? new AppError('cancelled', 'cancelled') : failureOf(engine)
    } finally {
      clearTimeout(limit)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  function failureOf(engine: Running): AppError {
    if (engine.asked) return new AppError('engine-lost', 'The engine was stopped while it worked on this.')
    return status.lastError?.code === 'engine-lost' ? failure() : engineLost('it ended')
  }

  async function stop(): Promise<void> {
    pause?.end()
    const engine = running
    if (!engine) return
    engine.asked = true
    engine.process.kill()
    await engine.gone
  }

  return {
    status: () => status,
    watch(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    call: (method, input, options = {}) => request(options.signal, (client) => client.call(method, input, options)),
    stream: (method, input, options) => request(options.signal, (client) => client.stream(method, input, options)),
    async restart() {
      await stop()
      deathTimes = []
      gpu = true
      if (disposed) return
      update({ state: 'stopped', lastError: null })
      await readyEngine(undefined)
    },
    async dispose() {
      disposed = true
      await stop()
      update({ state: 'stopped' })
      listeners.clear()
    },
  }
}

function engineLost(detail: string): AppError {
  return new AppError(
    'engine-lost',
    `The engine process ended unexpectedly (${detail}). It is started again by itself.`,
    {
      detail,
    },
  )
}

/** Waits for `promise`, but no longer than until the signal aborts. */
function abortable(promise: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new AppError('cancelled', 'cancelled'))
    signal?.addEventListener('abort', onAbort, { once: true })
    const settle = (finish: () => void) => () => {
      signal?.removeEventListener('abort', onAbort)
      finish()
    }
    promise.then(settle(resolve), settle(reject as () => void))
  })
}
