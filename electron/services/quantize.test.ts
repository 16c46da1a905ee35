import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { AppContract } from '../contract/app.ts'
import type { JobRecord, QuantizeRequest } from '../contract/domain.ts'
import type { InputOf } from '../contract/method.ts'
import { KEEP, quantize } from '../plan/choices.ts'
import { closeWorlds, createWorld, makeTinyModel, TINY_CONFIG, type World } from './testing/world.ts'

vi.setConfig({ testTimeout: 30_000 })
afterEach(closeWorlds)

const FOUR_BIT: QuantizeRequest['config'] = { base: quantize(4, 64), rules: [], computeDtype: 'float16' }
const LAYER = 'model.layers.1.mlp.up_proj'

async function setUp(options: Parameters<typeof createWorld>[0] = {}) {
  const world = await createWorld(options)
  const source = makeTinyModel(join(world.root, 'tiny'))
  const { id } = await world.client.call('models.add', { path: source })
  const out = join(world.root, 'out')
  const start = (more: Partial<InputOf<AppContract['quantize.start']>> = {}) =>
    world.client.call('quantize.start', { modelId: id, config: FOUR_BIT, outDir: out, measure: false, ...more })
  return { world, source, id, out, start }
}

function ended(world: World, { id }: JobRecord): Promise<JobRecord> {
  return world.client.stream('jobs.follow', { id }, { onEvent() {} })
}

function contents(dir: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(dir)
      .sort()
      .map((name) => [name, readFileSync(join(dir, name), 'base64')]),
  )
}

describe('a finished job', () => {
  it('leaves a whole model folder: weights, configuration, the text files bit by bit, and a record of what was done', async () => {
    const { world, source, out, start } = await setUp()
    const config = {
      ...FOUR_BIT,
      rules: [
        { pattern: '*.v_proj', choice: quantize(8, 32) },
        { pattern: LAYER, choice: KEEP },
      ],
    }
    expect(await ended(world, await start({ config }))).toMatchObject({ state: 'done' })

    const copied = ['generation_config.json', 'special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json']
    expect(readdirSync(out).sort()).toEqual([
      'config.json',
      ...copied.slice(0, 1),
      'hqq-studio.json',
      'model.safetensors',
      ...copied.slice(1),
    ])
    for (const name of copied) expect(readFileSync(join(out, name))).toEqual(readFileSync(join(source, name)))
    const saved = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
    expect(saved).toMatchObject({ ...TINY_CONFIG, torch_dtype: 'float16' })
    expect(saved.quantization_config).toMatchObject({ quant_method: 'hqq', skip_modules: ['lm_head', LAYER] })
    const record = JSON.parse(readFileSync(join(out, 'hqq-studio.json'), 'utf8'))
    expect(record.source).toMatchObject({ path: source, weights: [{ file: 'model.safetensors' }] })
    expect(record.tensors).toHaveLength(13)
    expect(record.tensors[2]).toMatchObject({ decidedBy: '*.v_proj', spec: { nbits: 8, groupSize: 32 } })
    expect(record.loadsIn.transformers.ok).toBe(true)
    expect(readdirSync(world.root)).not.toContain('out.partial')
  })

  it('is the same, byte for byte, each time', async () => {
    const { world, out, start } = await setUp()
    await ended(world, await start())
    const first = contents(out)
    await ended(world, await start({ overwrite: true }))
    expect(contents(out)).toEqual(first)
    expect(readdirSync(world.root).sort()).toEqual(['data', 'out', 'tiny'])
  })
})

describe('an engine that dies at one layer', () => {
  it('interrupts the job; tried again it goes on there, and the result is that of an undisturbed run', async () => {
    const broken = await setUp({ crashAt: LAYER })
    const job = await ended(broken.world, await broken.start())
    expect(job).toMatchObject({ state: 'interrupted', resumable: true, error: { code: 'engine-lost' } })
    expect(job.saved).toContain('out.partial')
    await broken.world.close()

    const world = await createWorld({ root: broken.world.root })
    expect((await world.client.call('jobs.list', {})).jobs).toMatchObject([{ state: 'interrupted', resumable: true }])
    const log: string[] = []
    await world.client.call('jobs.retry', { id: job.id })
    const done = await world.client.stream(
      'jobs.follow',
      { id: job.id },
      { onEvent: (event) => event.type === 'log' && log.push(event.text) },
    )
    expect(done).toMatchObject({ state: 'done', attempts: 2 })
    const resumed = contents(broken.out)
    const undisturbed = join(world.root, 'undisturbed')
    const again = await world.client.call('quantize.start', {
      modelId: broken.id,
      config: FOUR_BIT,
      outDir: undisturbed,
      measure: false,
    })
    await ended(world, again)
    expect(contents(undisturbed)).toEqual(resumed)
  })

  it('leaves the app running and the next job works', async () => {
    const { world, id, start } = await setUp({ crashAt: LAYER })
    expect(await ended(world, await start())).toMatchObject({ state: 'interrupted' })
    const config = { ...FOUR_BIT, rules: [{ pattern: LAYER, choice: KEEP }] }
    const next = await world.client.call('quantize.start', { modelId: id, config, measure: false })
    expect(await ended(world, next)).toMatchObject({ state: 'done' })
  })
})

describe('an unfinished result', () => {
  it('of other settings is thrown away, and the log says so', async () => {
    const { world, start } = await setUp({ nanAt: LAYER })
    await ended(world, await start())
    const config = { ...FOUR_BIT, base: quantize(3, 64), rules: [{ pattern: LAYER, choice: KEEP }] }
    const next = await start({ config })
    expect(await ended(world, next)).toMatchObject({ state: 'done' })
    const texts: string[] = []
    await world.client.stream(
      'jobs.follow',
      { id: next.id },
      {
        onEvent(event) {
          if (event.type === 'snapshot') texts.push(...event.detail.log.map(({ text }) => text))
        },
      },
    )
    expect(texts.join()).toContain('thrown away')
  })

  it('goes with its job record', async () => {
    const { world, start } = await setUp({ nanAt: LAYER })
    const job = await ended(world, await start())
    expect(readdirSync(world.root)).toContain('out.partial')
    await world.client.call('jobs.remove', { id: job.id })
    expect(readdirSync(world.root)).not.toContain('out.partial')
  })

  it('stays when another job is going on with it', async () => {
    const { world, start } = await setUp({ nanAt: LAYER, stepMs: 20 })
    const failed = await ended(world, await start())
    const taking = Promise.withResolvers<void>()
    const second = await start()
    const watching = world.client.stream(
      'jobs.follow',
      { id: second.id },
      { onEvent: (event) => event.type === 'tensor' && taking.resolve() },
    )
    await taking.promise
    await world.client.call('jobs.remove', { id: failed.id })
    expect(await watching).toMatchObject({ state: 'failed', error: { code: 'bad-weights' }, resumable: true })
  })

  it('that is not of this app is never touched', async () => {
    const { world, out, start } = await setUp()
    mkdirSync(`${out}.partial`)
    writeFileSync(join(`${out}.partial`, 'thesis.txt'), 'precious')
    expect(await ended(world, await start())).toMatchObject({ state: 'failed', error: { code: 'bad-input' } })
    expect(readFileSync(join(`${out}.partial`, 'thesis.txt'), 'utf8')).toBe('precious')
  })
})

describe('what is refused before anything starts, in words', () => {
  it('a place that is taken', async () => {
    const { out, start } = await setUp()
    mkdirSync(out)
    writeFileSync(join(out, 'notes.txt'), 'mine')
    await expect(start()).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining('not empty') })
  })

  it('a rule that matches nothing, and a group size that does not divide', async () => {
    const { start } = await setUp()
    const rules = [{ pattern: '*.q_prok', choice: KEEP }]
    await expect(start({ config: { ...FOUR_BIT, rules } })).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('q_prok'),
    })
    await expect(start({ config: { ...FOUR_BIT, base: quantize(4, 48) } })).rejects.toMatchObject({ code: 'bad-input' })
    await expect(start({ config: { ...FOUR_BIT, base: KEEP } })).rejects.toMatchObject({ code: 'bad-input' })
  })

  it('too little memory, with the numbers', async () => {
    const { start } = await setUp({ memoryBytes: 1e6 })
    await expect(start()).rejects.toMatchObject({ code: 'out-of-memory', message: expect.stringContaining('free') })
  })

  it('a model that is quantized already, and one that is not there', async () => {
    const { world, start } = await setUp()
    const { resultModelId } = await ended(world, await start())
    await expect(start({ modelId: resultModelId ?? '', outDir: join(world.root, 'twice') })).rejects.toMatchObject({
      code: 'unsupported',
    })
    await expect(start({ modelId: 'nothing' })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('no architecture: one that cannot be run here is quantized, and its name is said', async () => {
    const { world } = await setUp()
    const path = makeTinyModel(join(world.root, 'mamba'), { ...TINY_CONFIG, architectures: ['MambaForCausalLM'] })
    const model = await world.client.call('models.add', { path })
    expect(model.runProblem).toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('MambaForCausalLM'),
    })
    expect(model.quantizeProblem).toBeNull()
    const job = await world.client.call('quantize.start', { modelId: model.id, config: FOUR_BIT, measure: false })
    const { state, resultModelId } = await ended(world, job)
    expect(state).toBe('done')
    const made = await world.client.call('models.inspect', { id: resultModelId ?? '' })
    expect(made.summary).toMatchObject({ runProblem: { code: 'unsupported' }, dtype: '4-bit g64' })
  })

  it('a folder whose weights are cut off, or whose configuration is no JSON', async () => {
    const { world } = await setUp()
    const cut = makeTinyModel(join(world.root, 'cut'))
    truncateSync(join(cut, 'model.safetensors'), 5000)
    expect(await world.client.call('models.add', { path: cut })).toMatchObject({
      quantizeProblem: { code: 'bad-file' },
    })
    const garbled = makeTinyModel(join(world.root, 'garbled'))
    writeFileSync(join(garbled, 'config.json'), '{"architectures": [')
    expect(await world.client.call('models.add', { path: garbled })).toMatchObject({
      quantizeProblem: { code: 'bad-file' },
    })
  })
})

describe('faults on the way', () => {
  it('a weight that is not a number names its layer', async () => {
    const { world, start } = await setUp({ nanAt: LAYER })
    const job = await ended(world, await start())
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'bad-weights', message: expect.stringContaining(LAYER) },
    })
  })

  it('cancelling answers at once and keeps what was done', async () => {
    const { world, start } = await setUp({ stepMs: 50 })
    const job = await start()
    const states: string[] = []
    await world.client.stream(
      'jobs.follow',
      { id: job.id },
      {
        onEvent(event) {
          if (event.type === 'record') states.push(event.record.state)
          if (event.type === 'tensor' && !states.includes('stopping'))
            void world.client.call('jobs.cancel', { id: job.id })
        },
      },
    )
    expect(states.at(-1)).toBe('cancelled')
    expect(states).toContain('stopping')
    expect((await world.client.call('jobs.list', {})).jobs[0]).toMatchObject({ state: 'cancelled', resumable: true })
  })
})
