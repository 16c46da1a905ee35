import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { engineContract } from '../contract/engine.ts'
import { createFakeEngine, type FakeEngineOptions } from '../engine/fake-engine.ts'
import { createClient } from '../rpc/client.ts'
import { serve } from '../rpc/server.ts'
import { createMemoryPair } from '../wires/memory.ts'
import { createDevices } from './devices.ts'
import { createLoadedModels } from './loaded-models.ts'
import { createMachineInfo } from './machine.ts'
import { makeTinyModel } from './testing/world.ts'

const root = mkdtempSync(join(tmpdir(), 'hqq-loaded-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const A = makeTinyModel(join(root, 'a'))
const B = makeTinyModel(join(root, 'b'))

const GPU = {
  id: 'cuda:GPU-0',
  name: 'Card',
  kind: 'cuda' as const,
  totalBytes: 8e9,
  freeBytes: 8e9,
}

function setUp(options: FakeEngineOptions = {}) {
  const calls: string[] = []
  const pair = createMemoryPair()
  serve(engineContract, createFakeEngine(options), pair.server, { onRequest: (method) => calls.push(method) })
  const engine = createClient(engineContract, pair.client)
  const loaded = createLoadedModels({ engine, devices: createDevices(createMachineInfo(engine)), idleMs: 60_000 })
  return { calls, loaded }
}

const spec = (dir: string, fast = true) => ({
  dir,
  computeDtype: 'float32' as const,
  contextLength: 64,
  fast,
  device: 'cpu',
})
const turn = (wait: boolean, signal?: AbortSignal) => ({ purpose: 'a test', wait, signal })

describe('the loaded model', () => {
  it('stays for the next use and makes room for another', async () => {
    const { calls, loaded } = setUp()
    const loads: string[] = []
    for (const dir of [A, A, B])
      await loaded.use(
        spec(dir),
        turn(false),
        async () => {},
        () => loads.push(dir),
      )
    expect(loads).toEqual([A, B])
    expect(calls).toEqual(['model.load', 'model.unload', 'model.load'])
    await loaded.use(spec(B, false), turn(false), async () => {})
    expect(calls.slice(3)).toEqual(['model.unload', 'model.load'])
  })

  it('is loaded again after the engine was lost', async () => {
    const { calls, loaded } = setUp()
    await loaded.use(spec(A), turn(false), async () => {})
    loaded.forget()
    await loaded.use(spec(A), turn(false), async () => {})
    expect(calls).toEqual(['model.load', 'model.load'])
  })

  it('is out of memory while something has the engine alone', async () => {
    const { calls, loaded } = setUp()
    await loaded.use(spec(A), turn(false), async () => {})
    await loaded.alone(turn(true), async () => expect(calls.at(-1)).toBe('model.unload'))
  })

  it('is joined by others when several fit, and takes turns with them when they do not', async () => {
    const { calls, loaded } = setUp()
    const specs = [spec(A), spec(B)]
    const handles = await loaded.several(specs, { ...turn(true), together: true }, async (one) => {
      return [(await one(0)).handle, (await one(1)).handle, (await one(0)).handle]
    })
    expect(handles[0]).toBe(handles[2])
    expect(calls).toEqual(['model.load', 'model.load'])
    const loads: number[] = []
    const options = { ...turn(true), together: false, onLoading: (index: number) => loads.push(index) }
    await loaded.several(specs, options, async (one) => {
      for (const index of [0, 1, 0]) await one(index)
    })
    // The first was there; the second left to make room for it.
    expect(loads).toEqual([1, 0])
    expect(calls.slice(2)).toEqual(['model.unload', 'model.unload', 'model.load', 'model.unload', 'model.load'])
  })

  it('is one at a time: some wait, others are told what is going on', async () => {
    const { loaded } = setUp()
    const gate = Promise.withResolvers<void>()
    const first = loaded.use(spec(A), { ...turn(false), purpose: 'a long talk' }, () => gate.promise)
    await expect(loaded.use(spec(A), turn(false), async () => {})).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining('a long talk'),
    })
    const impatient = new AbortController()
    const given = loaded.use(spec(A), turn(true, impatient.signal), async () => {})
    impatient.abort()
    await expect(given).rejects.toMatchObject({ code: 'cancelled' })
    const second = loaded.use(spec(A), turn(true), async () => 'second')
    gate.resolve()
    await first
    expect(await second).toBe('second')
  })

  it('waits for work that was told to stop', async () => {
    const { loaded } = setUp()
    const gate = Promise.withResolvers<void>()
    const stop = new AbortController()
    const begun = Promise.withResolvers<void>()
    const first = loaded.use(spec(A), turn(false, stop.signal), () => {
      begun.resolve()
      return gate.promise
    })
    await begun.promise
    stop.abort()
    const second = loaded.use(spec(A), turn(false), async () => 'second')
    gate.resolve()
    await first
    expect(await second).toBe('second')
  })

  it('runs on the GPU when the choice is left to the app, and on the CPU what a GPU cannot run', async () => {
    const on = async (options: FakeEngineOptions, device: string) => {
      const { loaded } = setUp(options)
      return loaded.use({ ...spec(A), device }, turn(false), async (model) => model.device.id)
    }
    expect(await on({ gpus: [GPU] }, 'auto')).toBe('cuda:GPU-0')
    expect(await on({ gpus: [GPU], unfit: [GPU.id] }, 'auto')).toBe('cpu')
    await expect(on({ gpus: [GPU], unfit: [GPU.id] }, 'cuda')).rejects.toMatchObject({ code: 'unsupported' })
    await expect(on({}, 'cuda')).rejects.toMatchObject({ message: expect.stringContaining('No NVIDIA driver') })
  })
})
