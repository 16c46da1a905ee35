import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { AppContract } from '../contract/app.ts'
import type { InputOf } from '../contract/method.ts'
import { closeWorlds, createWorld, type World } from './testing/world.ts'

vi.setConfig({ testTimeout: 30_000 })
afterEach(closeWorlds)

const TEXT = 'It was a dark and stormy night; the rain fell in torrents. '.repeat(60)

async function evaluate(world: World, request: Partial<InputOf<AppContract['evaluate.start']>> = {}) {
  const path = join(world.root, 'text.txt')
  writeFileSync(path, TEXT)
  const text = { kind: 'file' as const, path }
  const job = await world.client.call('evaluate.start', {
    modelId: 'demo',
    metrics: ['perplexity'],
    text,
    window: 64,
    ...request,
  })
  const ended = await world.client.stream('jobs.follow', { id: job.id }, { onEvent() {} })
  const { rows } = await world.client.call('compare.rows', { modelId: 'demo' })
  return { ended, measurements: rows[0]?.measurements ?? [] }
}

describe('measuring', () => {
  it('keeps everything a comparison depends on', async () => {
    const world = await createWorld()
    const { ended, measurements } = await evaluate(world)
    expect(ended).toMatchObject({ state: 'done', title: 'Measure perplexity of Demo model', resultModelId: 'demo' })
    expect(measurements).toMatchObject([
      {
        metric: 'perplexity',
        unit: 'perplexity',
        engineVersion: '0.0.0-fake',
        protocol: {
          protocol: 'windows',
          window: 64,
          stride: null,
          specialIds: [1],
          computeDtype: 'float32',
          device: 'cpu',
        },
      },
    ])
    expect(measurements[0]?.protocol.textSha256).toMatch(/^[0-9a-f]{64}$/)
    expect(measurements[0]?.protocol.tokens).toBeLessThan(Number(measurements[0]?.protocol.streamTokens))
  })

  it('replaces an older number of the same protocol, and keeps others apart', async () => {
    const world = await createWorld()
    await evaluate(world)
    const { measurements } = await evaluate(world)
    expect(measurements).toHaveLength(1)
    const other = await evaluate(world, { protocol: 'hqq', stride: 32 })
    expect(new Set(other.measurements.map((one) => one.protocolKey)).size).toBe(2)
    const limited = await evaluate(world, { maxTokens: 100 })
    expect(limited.measurements).toHaveLength(3)
    await world.client.call('compare.removeMeasurement', { id: limited.measurements[0]?.id ?? '' })
    const { rows } = await world.client.call('compare.rows', { modelId: 'demo' })
    expect(rows[0]?.measurements).toHaveLength(2)
  })

  it('takes speed from several runs, and memory beside what was predicted', async () => {
    const world = await createWorld()
    const { measurements } = await evaluate(world, { metrics: ['speed'] })
    expect(measurements.map((one) => one.metric)).toEqual(['decode-speed', 'prefill-speed', 'memory'])
    expect(measurements[0]?.value).toBeGreaterThan(0)
    expect(measurements[0]?.protocol).toMatchObject({ numerics: 'fast', runs: 3 })
    expect(measurements[2]?.memory?.weights).toBeGreaterThan(0)
  })

  it('says what is wrong with a text', async () => {
    const world = await createWorld()
    const missing = { kind: 'file' as const, path: join(world.root, 'none.txt') }
    const { ended } = await evaluate(world, { text: missing })
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'not-found' } })
    writeFileSync(join(world.root, 'empty.txt'), ' \n')
    const empty = { kind: 'file' as const, path: join(world.root, 'empty.txt') }
    expect((await evaluate(world, { text: empty })).ended).toMatchObject({
      state: 'failed',
      error: { code: 'bad-input' },
    })
  })

  it('leaves no files of ids behind', async () => {
    const world = await createWorld()
    await evaluate(world)
    expect(readdirSync(join(world.dataDir, 'tmp'))).toEqual([])
  })
})
