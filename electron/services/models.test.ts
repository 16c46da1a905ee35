import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { quantize } from '../plan/choices.ts'
import { closeWorlds, createWorld, makeTinyModel, type World } from './testing/world.ts'

vi.setConfig({ testTimeout: 30_000 })
afterEach(closeWorlds)

const names = async (world: World) => (await world.client.call('models.list', {})).models.map((model) => model.name)

async function quantizeTiny(world: World, modelId: string) {
  const config = { base: quantize(4, 64), rules: [], computeDtype: 'float16' as const }
  const job = await world.client.call('quantize.start', { modelId, config, measure: false })
  const { resultModelId } = await world.client.stream('jobs.follow', { id: job.id }, { onEvent() {} })
  const { models } = await world.client.call('models.list', {})
  const made = models.find((model) => model.id === resultModelId)
  if (made === undefined) throw new Error('the job made no model')
  return made
}

describe('the library', () => {
  it('holds the demo, what was added, what lies in scanned folders, and keeps names', async () => {
    const world = await createWorld()
    const added = makeTinyModel(join(world.root, 'added'))
    makeTinyModel(join(world.root, 'shelf', 'scanned'))
    const model = await world.client.call('models.add', { path: added })
    expect(model).toMatchObject({
      name: 'added',
      origin: 'added',
      runProblem: null,
      quantization: null,
      parameters: 335_936,
    })
    await world.client.call('settings.set', { modelDirs: [join(world.root, 'shelf')] })
    expect((await names(world)).sort()).toEqual(['Demo model', 'added', 'scanned'])
    await world.client.call('models.rename', { id: model.id, name: 'Mine' })
    await world.close()
    const next = await createWorld({ root: world.root })
    expect((await names(next)).sort()).toEqual(['Demo model', 'Mine', 'scanned'])
  })

  it('tells who watches of every change', async () => {
    const world = await createWorld()
    const seen: number[] = []
    const stop = new AbortController()
    const watching = world.client.stream(
      'models.watch',
      {},
      { onEvent: ({ models }) => seen.push(models.length), signal: stop.signal },
    )
    await vi.waitFor(() => expect(seen).toEqual([1]))
    await world.client.call('models.add', { path: makeTinyModel(join(world.root, 'new')) })
    await vi.waitFor(() => expect(seen.at(-1)).toBe(2))
    stop.abort()
    await watching
  })

  it('tells a window of what the command line made or took away beside it', async () => {
    const world = await createWorld()
    const seen: string[][] = []
    const stop = new AbortController()
    const watching = world.client.stream(
      'models.watch',
      {},
      { onEvent: ({ models }) => seen.push(models.map(({ name }) => name)), signal: stop.signal },
    )
    await vi.waitFor(() => expect(seen).toHaveLength(1))
    const cli = await createWorld({ root: world.root, host: 'cli' })
    const path = makeTinyModel(join(world.root, 'from the command line'))
    await cli.app.services.library.add(path, 'created')
    await vi.waitFor(() => expect(seen.at(-1)).toContain('from the command line'), 10_000)
    await cli.app.services.library.forget(path)
    await vi.waitFor(() => expect(seen.at(-1)).not.toContain('from the command line'), 10_000)
    stop.abort()
    await watching
  })

  it('lists linear layers block by block with the layers of a block in the order of computation', async () => {
    const world = await createWorld()
    const { id } = await world.client.call('models.add', { path: makeTinyModel(join(world.root, 'tiny')) })
    const detail = await world.client.call('models.inspect', { id })
    expect(detail.linears.map((linear) => linear.tag).slice(0, 8)).toEqual([
      ...['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'],
      ...['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj', 'self_attn.q_proj'],
    ])
    expect(detail.linears).toHaveLength(14 + 1)
    expect(detail.linears.at(-1)).toMatchObject({ name: 'model.embed_tokens', block: null })
    expect(detail.otherBytes).toBe(64 * 2)
  })

  it('says of a model made here what it was made from and how', async () => {
    const world = await createWorld()
    const made = await quantizeTiny(world, 'demo')
    expect(made).toMatchObject({
      origin: 'created',
      dtype: '4-bit g64',
      quantization: { sourceModelId: 'demo', method: 'hqq', mixed: false },
    })
    expect(made.quantization?.bitsPerWeight).toBeCloseTo(4.5)
    expect((await world.client.call('models.inspect', { id: made.id })).provenance).toMatchObject({ format: 1 })
  })
})

describe('removing', () => {
  it('deletes the files of models made here, and nothing else', async () => {
    const world = await createWorld()
    const made = await quantizeTiny(world, 'demo')
    writeFileSync(join(made.path, 'notes.txt'), 'mine')
    await world.client.call('models.remove', { id: made.id })
    expect(readdirSync(made.path)).toEqual(['notes.txt'])
    expect(await names(world)).toEqual(['Demo model'])
    const again = await quantizeTiny(world, 'demo')
    await world.client.call('models.remove', { id: again.id })
    expect(existsSync(again.path)).toBe(false)
  })

  it('only forgets what was added, and never takes the demo', async () => {
    const world = await createWorld()
    const path = makeTinyModel(join(world.root, 'added'))
    const { id } = await world.client.call('models.add', { path })
    await world.client.call('models.remove', { id })
    expect(readdirSync(path)).toContain('model.safetensors')
    expect(await names(world)).toEqual(['Demo model'])
    await expect(world.client.call('models.remove', { id: 'demo' })).rejects.toMatchObject({ code: 'not-allowed' })
  })
})

describe('what is no model', () => {
  it('is refused with the way out', async () => {
    const world = await createWorld()
    const path = join(world.root, 'empty')
    mkdirSync(path)
    const message = expect.stringContaining('config.json')
    await expect(world.client.call('models.add', { path })).rejects.toMatchObject({ code: 'not-found', message })
    await expect(world.client.call('models.inspect', { id: 'nothing' })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('a model without a tokenizer can be quantized but says that it cannot talk', async () => {
    const world = await createWorld()
    const path = join(world.root, 'mute')
    makeTinyModel(path)
    rmSync(join(path, 'tokenizer.json'))
    const model = await world.client.call('models.add', { path })
    expect(model).toMatchObject({ hasTokenizer: false, quantizeProblem: null })
    expect((await quantizeTiny(world, model.id)).hasTokenizer).toBe(false)
    const asked = { modelId: model.id, messages: [{ id: '1', role: 'user' as const, content: 'hi' }] }
    const message = expect.stringContaining('Copy tokenizer.json')
    await expect(world.client.call('chat.render', asked)).rejects.toMatchObject({ code: 'not-found', message })
  })
})

describe('the demo models that see', () => {
  it('are listed once they are wanted, have names that move with the app, and stay the sources of what was made from them', async () => {
    const world = await createWorld()
    expect(await names(world)).toEqual(['Demo model'])
    await world.client.call('settings.set', { visionDemos: true })
    expect(await names(world)).toEqual(['Demo model', 'Demo CLIP', 'Demo LLaVA'])
    const { summary } = await world.client.call('models.inspect', { id: 'demo-clip' })
    expect(summary).toMatchObject({ id: 'demo-clip', origin: 'demo', vision: { kind: 'clip' } })
    await expect(world.client.call('models.remove', { id: 'demo-clip' })).rejects.toMatchObject({ code: 'not-allowed' })
    await world.client.call('settings.set', { visionDemos: false })
    // Not listed, still found: by their names, and by their folders.
    const { path } = await world.app.services.models.find('demo-llava')
    expect((await world.app.services.models.open(path)).id).toBe('demo-llava')
    expect((await world.client.call('vision.samples', {})).samples?.dir).toMatch(/demo-vision.images$/)
  })
})
