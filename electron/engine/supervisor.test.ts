import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EngineStatus } from '../contract/app.ts'
import { type EngineContract, engineContract } from '../contract/engine.ts'
import { AppError } from '../contract/errors.ts'
import { type Handlers, serve } from '../rpc/server.ts'
import { createMemoryPair } from '../wires/memory.ts'
import { createFakeEngine } from './fake-engine.ts'
import type { EngineProcess, Starter } from './starter.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'

interface FakeProcess {
  readonly killed: boolean
  die(detail?: string): void
}

/** Processes whose handlers a test can replace, and which a test can kill. */
function createStarter(override: Partial<Handlers<EngineContract>> = {}): Starter & { processes: FakeProcess[] } {
  const processes: FakeProcess[] = []
  return {
    processes,
    start(_options) {
      const pair = createMemoryPair()
      const server = serve(engineContract, { ...createFakeEngine(), ...override }, pair.server)
      let exit: (detail: string) => void = () => {}
      const fake = {
        killed: false,
        die(detail = 'signal SIGSEGV') {
          server.close()
          pair.close()
          queueMicrotask(() => exit(detail))
        },
      }
      processes.push(fake)
      return {
        wire: pair.client,
        pid: processes.length,
        onExit(listener) {
          exit = listener
        },
        onOutput() {},
        kill() {
          fake.killed = true
          fake.die('signal SIGKILL')
        },
      } satisfies EngineProcess
    },
  }
}

/** Never answers, whatever happens: work that hangs off the event loop. */
const hang = () => new Promise<never>(() => {})

let supervisor: Supervisor
let states: string[]

function supervise(starter: Starter, onStarted?: () => Promise<void>): Supervisor {
  supervisor = createSupervisor(onStarted ? { starter, onStarted } : { starter })
  states = []
  supervisor.watch(({ state }: EngineStatus) => states.push(state))
  return supervisor
}

beforeEach(() => vi.useFakeTimers())
afterEach(async () => {
  await supervisor.dispose()
  vi.useRealTimers()
})

const info = () => supervisor.call('engine.info', {})

/** Lets everything happen that needs no time. */
const settle = () => vi.advanceTimersByTimeAsync(0)

describe('supervisor', () => {
  it('leaves GPUs alone after a process that died before its first answer, until it is restarted by hand', async () => {
    const starter = createStarter({ 'engine.info': hang })
    const asked: boolean[] = []
    const watched: Starter = {
      start(options) {
        asked.push(options.gpu)
        return (options.gpu && asked.length === 1 ? starter : createStarter()).start(options)
      },
    }
    supervise(watched)
    const first = info()
    await settle()
    starter.processes[0]?.die()
    await vi.advanceTimersByTimeAsync(1_000)
    await first
    expect(asked).toEqual([true, false])
    expect(supervisor.status().machine?.cuda?.sentence).toContain('died when it looked at the GPU')
    await supervisor.restart()
    expect(asked).toEqual([true, false, true])
    expect(supervisor.status().machine?.cuda?.sentence).toContain('No NVIDIA driver')
  })

  it('starts nothing until the first request, and then one process', async () => {
    const starter = createStarter()
    supervise(starter)
    expect(starter.processes).toHaveLength(0)
    await Promise.all([info(), info()])
    expect(starter.processes).toHaveLength(1)
    expect(states).toEqual(['starting', 'ready'])
    expect(supervisor.status().machine?.cores).toBeGreaterThan(0)
  })

  it('sets up each new process before it answers anything', async () => {
    const onStarted = vi.fn(() => Promise.resolve())
    const starter = createStarter()
    supervise(starter, onStarted)
    await info()
    starter.processes[0]?.die()
    await vi.advanceTimersByTimeAsync(500)
    await info()
    expect(onStarted).toHaveBeenCalledTimes(2)
  })

  it('rejects what ran with engine-lost when the process dies, and works again after the wait', async () => {
    const starter = createStarter({ 'model.unload': hang })
    supervise(starter)
    const outcomes = Promise.allSettled([
      supervisor.call('model.unload', { handle: 'a' }),
      supervisor.call('model.unload', { handle: 'b' }),
    ])
    await settle()
    starter.processes[0]?.die('signal SIGSEGV')
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'engine-lost', data: { detail: 'signal SIGSEGV' } } })
    }
    expect(supervisor.status()).toMatchObject({ state: 'restarting', deaths: 1, lastError: { code: 'engine-lost' } })
    const answer = info()
    await vi.advanceTimersByTimeAsync(499)
    expect(starter.processes).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    await answer
    expect(supervisor.status()).toMatchObject({ state: 'ready', lastError: null })
  })

  it('waits longer after each death and gives up after five in ten minutes', async () => {
    const starter = createStarter()
    supervise(starter)
    await info()
    for (const wait of [500, 1000, 2000, 4000]) {
      starter.processes.at(-1)?.die()
      await settle()
      const before = starter.processes.length
      await vi.advanceTimersByTimeAsync(wait - 1)
      expect(starter.processes).toHaveLength(before)
      await vi.advanceTimersByTimeAsync(1)
      expect(starter.processes).toHaveLength(before + 1)
      expect(supervisor.status().state).toBe('ready')
    }
    starter.processes.at(-1)?.die()
    await settle()
    expect(supervisor.status()).toMatchObject({ state: 'failed', deaths: 5 })
    await expect(info()).rejects.toMatchObject({ code: 'engine-lost' })
  })

  it('forgets deaths after a healthy while', async () => {
    const starter = createStarter()
    supervise(starter)
    await info()
    for (let death = 0; death < 8; death++) {
      starter.processes.at(-1)?.die()
      await vi.advanceTimersByTimeAsync(3 * 60_000)
      expect(supervisor.status().state).toBe('ready')
    }
  })

  it('starts again on request after it has given up', async () => {
    const starter = createStarter()
    supervise(starter)
    await info()
    for (let death = 0; death < 5; death++) {
      starter.processes.at(-1)?.die()
      await vi.advanceTimersByTimeAsync(5000)
    }
    expect(supervisor.status().state).toBe('failed')
    await supervisor.restart()
    expect(supervisor.status()).toMatchObject({ state: 'ready', deaths: 0 })
    await expect(info()).resolves.toBeDefined()
  })

  it('gives up at once on an engine that says that it cannot work', async () => {
    const starter = createStarter({
      'engine.info': () => Promise.reject(new AppError('unsupported', 'no such instruction set')),
    })
    supervise(starter)
    await expect(info()).rejects.toMatchObject({ code: 'unsupported', message: 'no such instruction set' })
    expect(supervisor.status().state).toBe('failed')
    expect(starter.processes).toHaveLength(1)
  })

  it('takes a process that never says anything for dead', async () => {
    const starter = createStarter({ 'engine.info': hang })
    supervise(starter)
    const answer = info().catch((error: AppError) => error.code)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(supervisor.status().state).toBe('restarting')
    expect(starter.processes[0]?.killed).toBe(true)
    await supervisor.dispose()
    await vi.advanceTimersByTimeAsync(60_000)
    await expect(answer).resolves.toBe('engine-lost')
  })

  it('kills a process that does not answer a cancel within five seconds', async () => {
    const starter = createStarter({ 'model.unload': hang })
    supervise(starter)
    const controller = new AbortController()
    const cancelled = supervisor.call('model.unload', { handle: 'a' }, { signal: controller.signal })
    const outcome = cancelled.catch((error: AppError) => error.code)
    await settle()
    controller.abort()
    await vi.advanceTimersByTimeAsync(4999)
    expect(starter.processes[0]?.killed).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(starter.processes[0]?.killed).toBe(true)
    await expect(outcome).resolves.toBe('cancelled')
  })

  it('leaves a process alone that answers a cancel in time', async () => {
    const starter = createStarter({
      'model.unload': async (_input, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        throw new AppError('cancelled', 'cancelled')
      },
    })
    supervise(starter)
    const controller = new AbortController()
    const outcome = supervisor
      .call('model.unload', { handle: 'a' }, { signal: controller.signal })
      .catch((error: AppError) => error.code)
    await settle()
    controller.abort()
    await expect(outcome).resolves.toBe('cancelled')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(starter.processes[0]?.killed).toBe(false)
  })

  it('stops waiting for a start when the request is cancelled', async () => {
    supervise(createStarter({ 'engine.info': hang }))
    const controller = new AbortController()
    const outcome = supervisor
      .call('model.unload', { handle: 'a' }, { signal: controller.signal })
      .catch((error: AppError) => error.code)
    await settle()
    controller.abort()
    await expect(outcome).resolves.toBe('cancelled')
  })

  it('does not take a restart on request for a death', async () => {
    const starter = createStarter({ 'model.unload': hang })
    supervise(starter)
    const running = supervisor.call('model.unload', { handle: 'a' }).catch((error: AppError) => error.code)
    await settle()
    await supervisor.restart()
    await expect(running).resolves.toBe('engine-lost')
    expect(supervisor.status()).toMatchObject({ state: 'ready', deaths: 0 })
    expect(starter.processes).toHaveLength(2)
  })

  it('ends the process and answers nothing more when it is disposed', async () => {
    const starter = createStarter()
    supervise(starter)
    await info()
    await supervisor.dispose()
    expect(starter.processes[0]?.killed).toBe(true)
    await expect(info()).rejects.toMatchObject({ code: 'engine-lost' })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(starter.processes).toHaveLength(1)
  })
})
