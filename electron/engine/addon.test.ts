/** The real addon: its exports against the hand-written types, and what crosses the boundary in each direction. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineContract } from '../contract/engine.ts'
import { type AddonEngine, addonPath, loadEngine, wrapBinding } from './addon.ts'
import { BINDING_KEYS, type NativeBinding } from './addon-types.ts'

const never = new AbortController().signal
const kept = { roundZero: true, method: 'hqq', quantZero: false, quantScale: false }
let engine: AddonEngine
let folder: string

beforeAll(() => {
  engine = loadEngine()
  folder = mkdtempSync(join(tmpdir(), 'hqq-addon-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A model folder of `layers` square float32 matrices, and the request that quantizes it. */
function model(name: string, layers: number, size: number) {
  const modelDir = mkdtempSync(join(folder, `${name}-`))
  const bytes = size * size * 4
  const names = Array.from({ length: layers }, (_, i) => `layers.${i}.proj`)
  const entries = names.map((layer, i) => [
    `${layer}.weight`,
    { dtype: 'F32', shape: [size, size], data_offsets: [i * bytes, (i + 1) * bytes] },
  ])
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const weights = Float32Array.from({ length: layers * size * size }, (_, i) => Math.sin(i) / 50)
  writeFileSync(join(modelDir, 'model.safetensors'), Buffer.concat([length, header, Buffer.from(weights.buffer)]))
  const quant = { nbits: 4, groupSize: 64, axis: 1, ...kept }
  const plan = names.map((layer) => ({ name: layer, quant }))
  return { modelDir, outDir: join(modelDir, 'out'), plan, computeDtype: 'float16', maxShardBytes: 5e9 }
}

describe('the native addon', { timeout: 60_000 }, () => {
  it('exports what addon-types.ts says', () => {
    // The raw module: keys only.
    const exported: object = process.getBuiltinModule('module').createRequire(import.meta.url)(addonPath())
    expect(Object.keys(exported).sort()).toEqual([...BINDING_KEYS])
  })

  it('has the methods of the contract', () => {
    const contract = Object.keys(engineContract).filter((name) => name !== 'debug.crash')
    expect([...engine.methods].sort()).toEqual(contract.sort())
    expect(engine.version).toMatch(/^\d+\.\d+\.\d+/)
  })

  it('answers engine.info as the contract says', async () => {
    const info = engineContract['engine.info'].output.parse(await engine.run('engine.info', {}, { signal: never }))
    expect(info.totalMemoryBytes).toBeGreaterThan(0)
    expect(info.simd.available).toContain(info.simd.active)
  })

  it('rejects with a code and the stack of the caller', async () => {
    const failure = engine.run('model.inspect', { dir: join(folder, 'absent') }, { signal: never })
    await expect(failure).rejects.toMatchObject({ name: 'AppError', code: 'not-found' })
    await expect(failure).rejects.toMatchObject({ stack: expect.stringContaining('addon.test.ts') })
    await expect(engine.run('no.such', {}, { signal: never })).rejects.toMatchObject({ code: 'bad-input' })
    const misspelt = engine.run('model.inspect', { dir: folder, verbos: true }, { signal: never })
    await expect(misspelt).rejects.toThrow(/"verbos" is not known/)
  })

  it('quantizes, with every event in order and valid', async () => {
    const request = model('order', 20, 64)
    const method = engineContract['model.quantize']
    const events: unknown[] = []
    const result = await engine.run('model.quantize', method.input.parse(request), {
      signal: never,
      onEvent: (event) => events.push(event),
    })
    expect(method.output.parse(result)).toMatchObject({
      quantizedTensors: 20,
      keptTensors: 0,
      files: ['model.safetensors'],
    })
    const parsed = events.map((event) => method.event.parse(event))
    const tensors = parsed.filter((event) => event.type === 'tensor').map((event) => event.name)
    expect(tensors).toEqual(request.plan.map((entry) => entry.name))
    expect(parsed.at(-1)).toMatchObject({ type: 'progress', phase: 'assemble', tensorsDone: 20 })

    const inspected = await engine.run('model.inspect', { dir: request.outDir }, { signal: never })
    const { quantizedLayers } = engineContract['model.inspect'].output.parse(inspected)
    expect(quantizedLayers).toHaveLength(20)
    expect(quantizedLayers[0]).toMatchObject({ nbits: 4, groupSize: 64, axis: 1, packing: '4bit_u8', shape: [64, 64] })
  })

  it('stops when the signal is aborted, before and during', async () => {
    const request = model('cancel', 120, 64)
    await expect(engine.run('model.quantize', request, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'cancelled',
    })
    const controller = new AbortController()
    const running = engine.run('model.quantize', request, {
      signal: controller.signal,
      onEvent: () => controller.abort(),
    })
    await expect(running).rejects.toMatchObject({ code: 'cancelled' })
    const resumed = engineContract['model.quantize'].output.parse(
      await engine.run('model.quantize', request, { signal: never }),
    )
    expect(resumed.quantizedTensors).toBe(120)
  })

  it('cancels the job when a listener throws, and passes on what it threw', async () => {
    const running = engine.run('model.quantize', model('throws', 120, 64), {
      signal: never,
      onEvent: () => {
        throw new RangeError('mine')
      },
    })
    await expect(running).rejects.toThrow(new RangeError('mine'))
  })

  it('leaves nothing behind after many jobs, cancelled or not', async () => {
    const cycle = async () => {
      const controller = new AbortController()
      const job = engine.run('engine.info', {}, { signal: controller.signal })
      controller.abort()
      await job.catch(() => undefined)
    }
    for (let i = 0; i < 100; i++) await cycle()
    const resources = process.getActiveResourcesInfo().length
    const before = process.memoryUsage.rss()
    for (let i = 0; i < 500; i++) await cycle()
    // One that ended meanwhile belongs to the test runner; one more would be ours.
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(resources)
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20)
  })

  it('keeps foreign errors of a binding as they are', async () => {
    const odd = Object.assign(new Error('odd'), { code: 'EODD' })
    const binding: NativeBinding = {
      version: () => '1.0.0',
      methods: () => [],
      start: () => ({ promise: Promise.reject(odd), cancel: () => undefined }),
    }
    await expect(wrapBinding(binding).run('x', {}, { signal: never })).rejects.toBe(odd)
  })
})

describe('a process or thread that ends in the middle of a job', { timeout: 60_000 }, () => {
  const script = (request: unknown) => `
    const engine = require(${JSON.stringify(addonPath())})
    const done = () => {}
    engine.start('model.quantize', ${JSON.stringify(JSON.stringify(request))}, () => {
      if (typeof EXIT === 'boolean') return
      globalThis.EXIT = true
      LEAVE
    }).promise.then(done, done)`

  it('process.exit ends it cleanly', () => {
    const code = script(model('exit', 120, 64)).replace('LEAVE', 'process.exit(7)')
    const child = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' })
    expect(child.stderr).toBe('')
    expect(child.status).toBe(7)
  })

  it('a terminated worker thread leaves the process alive', async () => {
    const code = script(model('worker', 120, 64)).replace(
      'LEAVE',
      `require('node:worker_threads').parentPort.postMessage(1)`,
    )
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(code, { eval: true })
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
    }
    expect(await engine.run('engine.info', {}, { signal: never })).toBeTruthy()
  })
})
