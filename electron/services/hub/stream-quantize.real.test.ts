/** Quantizing while downloading with the native engine: the same bytes as from the disk, whatever happens on the way. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type App, createApp } from '../../app.ts'
import type { DownloadQuantizeRequest } from '../../contract/hub-requests.ts'
import { inProcessStarter } from '../../engine/testing/in-process.ts'
import type { FakeRequest } from '../../hub/testing/fake-faults.ts'
import { type FakeHub, startFakeHub } from '../../hub/testing/fake-hub.ts'
import { MOVER_SCRIPT, QUICK_RETRY, SMALL_PIECES } from '../../hub/testing/world.ts'
import { KEEP, quantize } from '../../plan/choices.ts'
import type { JobContext } from '../job-kind.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const RESOURCES = fileURLToPath(new URL('../../../resources', import.meta.url))
const DEMO = join(RESOURCES, 'demo-model')
const NAME = 'acme/demo'
const CONFIG = {
  base: quantize(4, 64),
  rules: [
    { pattern: '*.v_proj', choice: quantize(2, 16) },
    { pattern: '*.layers.3.mlp.down_proj', choice: KEEP },
  ],
  computeDtype: 'float16' as const,
}

let root = ''
let hub: FakeHub
let app: App
let expected: Record<string, string> = {}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hqq-stream-'))
  hub = await startFakeHub()
  const files = Object.fromEntries(readdirSync(DEMO).map((name) => [name, readFileSync(join(DEMO, name))]))
  hub.add(NAME, files)
  app = await open('first')
  const kept = request('from-disk', { keepSource: true })
  await run(await app.services.streamQuantizing.complete(kept))
  expected = contents(join(root, 'from-disk'))
})
afterAll(async () => {
  await app.dispose()
  await hub.close()
  rmSync(root, { recursive: true, force: true })
})
beforeEach(() => hub.setFault(undefined))

async function open(name: string): Promise<App> {
  const dataDir = join(root, name)
  mkdirSync(dataDir, { recursive: true })
  return createApp({
    platform: { host: 'cli', dataDir, resourcesDir: RESOURCES },
    starter: inProcessStarter,
    tokenizerScript: new URL('../../tokenizer/worker.ts', import.meta.url),
    moverScript: MOVER_SCRIPT,
    log() {},
    env: { HF_ENDPOINT: hub.endpoint, HF_HOME: join(root, 'hf') },
    hubTuning: {
      fetch: { ...SMALL_PIECES, chunkBytes: 256 * 1024, spanBytes: 2 ** 20, writeBytes: 64 * 1024 },
      retry: QUICK_RETRY,
      stallMs: 2000,
      parallelFiles: 2,
    },
  })
}

function request(out: string, more: Partial<DownloadQuantizeRequest> = {}): DownloadQuantizeRequest {
  return {
    repo: NAME,
    revision: 'main',
    config: CONFIG,
    outDir: join(root, out),
    keepSource: false,
    measure: false,
    ...more,
  }
}

async function run(wanted: DownloadQuantizeRequest, more: Partial<JobContext> = {}): Promise<string[]> {
  const log: string[] = []
  const context: JobContext = {
    signal: new AbortController().signal,
    jobId: 'test',
    attempt: 1,
    progress() {},
    tensor() {},
    log: (text) => void log.push(text),
    ...more,
  }
  await app.services.kinds['download-quantize'].run(wanted, context)
  return log
}

function contents(dir: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(dir)
      .sort()
      .map((name) => [name, readFileSync(join(dir, name), 'base64')]),
  )
}

describe('a model that is quantized while it arrives', () => {
  it('is byte for byte the one made from the disk', async () => {
    const log = await run(await app.services.streamQuantizing.complete(request('streamed')))
    expect(contents(join(root, 'streamed'))).toEqual(expected)
    expect(log.join('\n')).toMatch(/at most .* were used/)
  })

  it('also when connections break and bytes are wrong: only the file they came from is made again', async () => {
    let index = 0
    hub.setFault(({ host, range }: FakeRequest) => {
      // One byte is asked for only to find where the file lies.
      if (host !== 'storage' || range === 'bytes=0-0') return null
      index++
      if (index === 3) return { kind: 'corrupt', at: 100_000 }
      return index % 4 === 0 ? { kind: 'drop', after: 90_000 } : null
    })
    const log = await run(await app.services.streamQuantizing.complete(request('faulty')))
    expect(contents(join(root, 'faulty'))).toEqual(expected)
    expect(log.join('\n')).toContain('wrong hash')
  })

  it('also after a stop: it goes on with the tensors that were saved', async () => {
    const wanted = await app.services.streamQuantizing.complete(request('stopped'))
    const stop = new AbortController()
    let tensors = 0
    const stopping = run(wanted, {
      signal: stop.signal,
      tensor() {
        if (++tensors === 8) stop.abort()
      },
    })
    await expect(stopping).rejects.toMatchObject({ code: 'cancelled' })
    const copy = join(root, 'stopped.partial')
    expect(readdirSync(copy)).toContain('quantize-journal.jsonl')
    const before = hub.seen.length
    const log = await run(wanted)
    expect(log.join('\n')).toContain('Going on')
    expect(contents(join(root, 'stopped'))).toEqual(expected)
    expect(hub.seen.length).toBeGreaterThan(before)
  })

  it('also when finished tensors are damaged before the end: they are fetched again', async () => {
    const wanted = await app.services.streamQuantizing.complete(request('damaged'))
    const stop = new AbortController()
    let tensors = 0
    const stopping = run(wanted, { signal: stop.signal, tensor: () => void (++tensors === 20 && stop.abort()) })
    await expect(stopping).rejects.toMatchObject({ code: 'cancelled' })
    cpSync(join(root, 'stopped', 'config.json'), join(root, 'damaged.partial', 'model.safetensors.partial'))
    await run(wanted)
    expect(contents(join(root, 'damaged'))).toEqual(expected)
  })
})
