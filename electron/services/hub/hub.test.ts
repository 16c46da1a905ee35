import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { JobRecord } from '../../contract/domain.ts'
import { hubQuerySchema } from '../../contract/hub.ts'
import { type FakeHub, type FakeHubOptions, startFakeHub } from '../../hub/testing/fake-hub.ts'
import { quantize } from '../../plan/choices.ts'
import { closeWorlds, createWorld, makeTinyModel, type World, type WorldOptions } from '../testing/world.ts'

vi.setConfig({ testTimeout: 60_000 })

const TOKEN = 'hf_write123456'
const NAME = 'acme/tiny-llama'
const FOUR_BIT = { base: quantize(4, 64), rules: [], computeDtype: 'float16' as const }

let hub: FakeHub
afterEach(async () => {
  await closeWorlds()
  await hub.close()
})

/** A Hub with one small model, and the app beside it. */
async function setUp(options: FakeHubOptions = {}, world: WorldOptions = {}): Promise<World> {
  hub = await startFakeHub({ accounts: { [TOKEN]: { name: 'acme', orgs: ['lab'] } }, ...options })
  const app = await createWorld({ ...world, env: { HF_ENDPOINT: hub.endpoint, ...world.env } })
  const dir = makeTinyModel(join(app.root, 'original'))
  const files = Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name))]))
  const info = {
    tags: ['license:apache-2.0', 'text-generation'],
    config: { architectures: ['LlamaForCausalLM'], model_type: 'llama' },
    safetensors: { total: 400_000 },
    pipeline_tag: 'text-generation',
    downloads: 5,
    lastModified: '2026-01-01T00:00:00.000Z',
  }
  hub.add(
    NAME,
    {
      ...files,
      'README.md': Buffer.from('# Tiny\n\nA card.'),
      LICENSE: Buffer.from('free'),
      'pytorch_model.bin': Buffer.alloc(9000),
    },
    { info },
  )
  return app
}

function ended(world: World, { id }: JobRecord): Promise<JobRecord> {
  return world.client.stream('jobs.follow', { id }, { onEvent() {} })
}

const query = (more: object = {}) => hubQuerySchema.parse(more)

describe('the account', () => {
  it('is known after signing in and forgotten after signing out', async () => {
    const world = await setUp()
    expect(await world.client.call('hub.account', {})).toMatchObject({ user: null, tokenSource: null, problem: null })
    await expect(world.client.call('hub.login', { token: 'hf_wrong123456' })).rejects.toMatchObject({
      code: 'access-denied',
    })
    expect(await world.client.call('hub.login', { token: ` ${TOKEN}\n` })).toMatchObject({
      user: { name: 'acme', orgs: ['lab'], tokenRole: 'write' },
      tokenSource: 'app',
    })
    expect(existsSync(join(world.dataDir, 'hub-token'))).toBe(true)
    expect(await world.client.call('hub.logout', {})).toMatchObject({ user: null, tokenSource: null })
    expect(existsSync(join(world.dataDir, 'hub-token'))).toBe(false)
  })

  it('in offline mode asks nobody', async () => {
    const world = await setUp({}, { env: { HF_HUB_OFFLINE: '1' } })
    expect(await world.client.call('hub.account', {})).toMatchObject({ offline: true, user: null })
    expect(hub.seen).toEqual([])
  })
})

describe('search', () => {
  it('says what each model is and what speaks against it, and filters by it', async () => {
    const world = await setUp()
    const add = (name: string, info: object) => hub.add(name, {}, { info: { tags: [], downloads: 1, ...info } })
    add('acme/huge', { config: { architectures: ['LlamaForCausalLM'] }, safetensors: { total: 4e12 } })
    add('acme/tiny-gptq', {
      config: { architectures: ['LlamaForCausalLM'], quantization_config: { quant_method: 'gptq', bits: 4 } },
    })
    add('acme/tiny-gguf', { tags: ['gguf'] })
    add('acme/other', { config: { architectures: ['BartForConditionalGeneration'] } })
    const all = await world.client.call('hub.search', { query: query({ author: 'acme' }), cursor: null })
    expect(all.models.map(({ name }) => name)).toEqual([
      NAME,
      'acme/huge',
      'acme/tiny-gptq',
      'acme/tiny-gguf',
      'acme/other',
    ])
    expect(all.models[0]).toMatchObject({
      licence: 'apache-2.0',
      parameters: 400_000,
      problem: null,
      quantized: null,
      fits: 'fits',
    })
    expect(all.models[1]).toMatchObject({ fits: 'too-big' })
    expect(all.models[2]?.quantized).toEqual({ method: 'gptq', label: 'GPTQ 4-bit' })
    expect(all.models[3]?.quantized).toEqual({ method: 'gguf', label: 'GGUF' })
    expect(all.models[4]?.problem).toContain('BartForConditionalGeneration')
    const names = async (more: object) =>
      (await world.client.call('hub.search', { query: query(more), cursor: null })).models.map(({ name }) => name)
    expect(await names({ text: 'tiny', quantized: 'none' })).toEqual([NAME])
    expect(await names({ quantized: 'only' })).toEqual(['acme/tiny-gptq', 'acme/tiny-gguf'])
    expect(await names({ supported: true, fits: true })).toEqual([NAME])
    expect(await names({ licence: 'apache-2.0' })).toEqual([NAME])
  })

  it('goes on through its pages, and refuses the address of another place', async () => {
    const world = await setUp()
    for (let index = 0; index < 120; index++)
      hub.add(`many/m${index}`, {}, { info: { tags: [], downloads: 1000 - index } })
    const first = await world.client.call('hub.search', { query: query({ author: 'many' }), cursor: null })
    const second = await world.client.call('hub.search', { query: query({ author: 'many' }), cursor: first.next })
    expect([first.models.length, second.models[0]?.name]).toEqual([50, 'many/m50'])
    await expect(
      world.client.call('hub.search', { query: query(), cursor: 'http://127.0.0.1:1/api/models?x' }),
    ).rejects.toMatchObject({ code: 'bad-input' })
  })
})

describe('looking at a model', () => {
  it('reads its plan from headers alone', async () => {
    const world = await setUp()
    const detail = await world.client.call('hub.inspect', { repo: NAME })
    expect(detail).toMatchObject({
      model: { name: NAME, architecture: 'LlamaForCausalLM', problem: null },
      plan: { dtype: 'bfloat16', config: { layers: 2 } },
      problem: null,
      card: '# Tiny\n\nA card.',
    })
    expect(detail.plan?.linears).toHaveLength(15)
    expect(detail.files.filter(({ needed }) => !needed).map(({ path }) => path)).toEqual(['pytorch_model.bin'])
    expect(detail.missingBytes).toBe(detail.downloadBytes)
    expect(detail.fetchedBytes).toBeLessThan(40_000)
  })

  it('says what stands in the way of a gated one, of one in another format, and of one that is quantized already', async () => {
    const world = await setUp()
    const repo = hub.repos.get(NAME)
    if (repo) repo.gated = 'manual'
    expect(await world.client.call('hub.inspect', { repo: NAME })).toMatchObject({
      plan: null,
      model: { gated: 'manual' },
      problem: { code: 'access-denied', message: expect.stringContaining(`${hub.endpoint}/${NAME}`) },
    })
    hub.add('acme/gguf', { 'config.json': Buffer.from('{}'), 'm.gguf': Buffer.alloc(10) })
    expect(await world.client.call('hub.inspect', { repo: 'acme/gguf' })).toMatchObject({
      model: { quantized: { method: 'gguf' } },
      problem: { code: 'unsupported', message: expect.stringContaining('GGUF') },
    })
    hub.add('acme/old', { 'config.json': Buffer.from('{}'), 'qmodel.pt': Buffer.alloc(10) })
    expect(await world.client.call('hub.inspect', { repo: 'acme/old' })).toMatchObject({
      model: { quantized: { method: 'hqq' } },
    })
    await expect(world.client.call('hub.inspect', { repo: 'acme/none' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(world.client.call('hub.inspect', { repo: '../etc' })).rejects.toMatchObject({ code: 'bad-input' })
  })
})

describe('a model of an architecture that cannot be run', () => {
  it('is offered for quantizing alone, and is quantized while it is downloaded', async () => {
    const world = await setUp()
    const known = hub.repos.get(NAME)?.commits.at(-1)?.files ?? new Map()
    const files = Object.fromEntries([...known].map(([path, { content }]) => [path, content]))
    const config = JSON.parse(String(files['config.json']))
    files['config.json'] = Buffer.from(
      JSON.stringify({ ...config, architectures: ['NewForCausalLM'], model_type: 'new' }),
    )
    hub.add('acme/new', files)
    const detail = await world.client.call('hub.inspect', { repo: 'acme/new' })
    expect(detail).toMatchObject({
      problem: null,
      runProblem: { code: 'unsupported', message: expect.stringContaining('NewForCausalLM') },
    })
    expect(detail.plan?.linears.length).toBeGreaterThan(0)
    const done = await ended(world, await world.client.call('hub.quantize', { repo: 'acme/new', config: FOUR_BIT }))
    expect(done).toMatchObject({ state: 'done', error: null })
    const made = (await world.client.call('models.list', {})).models.find(({ id }) => id === done.resultModelId)
    expect(made).toMatchObject({ quantization: { label: '4-bit g64' }, runProblem: { code: 'unsupported' } })
  })
})

describe('a download', () => {
  it('ends in the library under its name, and the cache can be looked at and emptied', async () => {
    const world = await setUp()
    const done = await ended(world, await world.client.call('hub.download', { repo: NAME }))
    expect(done).toMatchObject({ state: 'done', title: `Download ${NAME}` })
    const model = (await world.client.call('models.list', {})).models.find(({ id }) => id === done.resultModelId)
    expect(model).toMatchObject({ name: NAME, origin: 'added', runProblem: null })
    expect(readdirSync(model?.path ?? '')).not.toContain('pytorch_model.bin')
    const { repos } = await world.client.call('hub.cache', {})
    expect(repos).toMatchObject([{ type: 'model', name: NAME, unfinishedBytes: 0, revisions: [{ refs: ['main'] }] }])
    const before = hub.seen.length
    expect(await ended(world, await world.client.call('hub.download', { repo: NAME }))).toMatchObject({ state: 'done' })
    expect(hub.seen.slice(before).some(({ path }) => path.includes('/resolve/'))).toBe(false)
    await world.client.call('hub.removeFromCache', { type: 'model', name: NAME, commit: null })
    expect(await world.client.call('hub.cache', {})).toMatchObject({ repos: [] })
  })

  it('is paused, waits, goes on, and lets another go first', async () => {
    const world = await setUp()
    hub.add('acme/second', { 'config.json': Buffer.from('{}') })
    hub.add('acme/third', { 'config.json': Buffer.from('{}') })
    hub.setFault(({ host }) => (host === 'storage' ? { kind: 'slow', bytesPerSecond: 200_000 } : null))
    const first = await world.client.call('hub.download', { repo: NAME })
    const second = await world.client.call('hub.download', { repo: 'acme/second' })
    const third = await world.client.call('hub.download', { repo: 'acme/third' })
    expect(await world.client.call('jobs.prioritize', { id: third.id })).toMatchObject({ priority: 1 })
    await vi.waitFor(() => expect(hub.seen.some(({ host }) => host === 'storage')).toBe(true))
    await world.client.call('jobs.pause', { id: first.id })
    expect(await ended(world, first)).toMatchObject({ state: 'paused', resumable: true })
    const [two, three] = await Promise.all([ended(world, second), ended(world, third)])
    expect((three.startedAt ?? '') <= (two.startedAt ?? '')).toBe(true)
    hub.setFault(undefined)
    await world.client.call('jobs.retry', { id: first.id })
    expect(await ended(world, first)).toMatchObject({ state: 'done', attempts: 2 })
  })

  it('needs no Hub when everything is in the cache', async () => {
    const world = await setUp()
    await ended(world, await world.client.call('hub.download', { repo: NAME }))
    await world.close()
    const offline = await createWorld({ root: world.root, env: { HF_HUB_OFFLINE: '1', HF_ENDPOINT: hub.endpoint } })
    const before = hub.seen.length
    expect(await ended(offline, await offline.client.call('hub.download', { repo: NAME }))).toMatchObject({
      state: 'done',
    })
    expect(await ended(offline, await offline.client.call('hub.download', { repo: 'acme/none' }))).toMatchObject({
      state: 'failed',
      error: { code: 'network', message: expect.stringContaining('HF_HUB_OFFLINE') },
    })
    expect(hub.seen).toHaveLength(before)
  })
})

describe('quantizing while downloading', () => {
  it('makes a model without the original, and says what the disk needed', async () => {
    const world = await setUp()
    const job = await world.client.call('hub.quantize', { repo: NAME, config: FOUR_BIT, measure: false })
    expect(job.title).toBe(`Quantize ${NAME} to tiny-llama 4-bit g64 while it downloads`)
    const log: string[] = []
    const done = await world.client.stream(
      'jobs.follow',
      { id: job.id },
      {
        onEvent: (event) => event.type === 'log' && log.push(event.text),
      },
    )
    expect(done).toMatchObject({ state: 'done', error: null })
    const model = (await world.client.call('models.list', {})).models.find(({ id }) => id === done.resultModelId)
    expect(model).toMatchObject({
      name: 'tiny-llama 4-bit g64',
      origin: 'created',
      quantization: { label: '4-bit g64' },
    })
    const record = JSON.parse(readFileSync(join(model?.path ?? '', 'hqq-studio.json'), 'utf8'))
    expect(record.source.path).toMatch(/^hf:\/\/acme\/tiny-llama@[0-9a-f]{40}$/)
    expect(record.tensors).toHaveLength(14)
    expect(readdirSync(model?.path ?? '')).toContain('LICENSE')
    expect(existsSync(join(world.root, 'huggingface', 'hub'))).toBe(false)
    expect(log.join('\n')).toMatch(/Disk: .* needed/)
    expect(log.join('\n')).toMatch(/at most .* were used/)
  })

  it('discards what a file with a wrong hash gave, and nothing else', async () => {
    const world = await setUp()
    let wrong = 1
    hub.setFault(({ host }) => (host === 'storage' && wrong-- > 0 ? { kind: 'corrupt', at: 9000 } : null))
    const log: string[] = []
    const job = await world.client.call('hub.quantize', { repo: NAME, config: FOUR_BIT, measure: false })
    const done = await world.client.stream(
      'jobs.follow',
      { id: job.id },
      {
        onEvent: (event) => event.type === 'log' && log.push(event.text),
      },
    )
    expect(done).toMatchObject({ state: 'done' })
  })

  it('with the original kept has it in the cache and the library too', async () => {
    const world = await setUp()
    const request = { repo: NAME, config: FOUR_BIT, measure: false, keepSource: true }
    expect(await ended(world, await world.client.call('hub.quantize', request))).toMatchObject({ state: 'done' })
    const names = (await world.client.call('models.list', {})).models.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining([NAME, 'tiny-llama 4-bit g64']))
  })
})

describe('an upload', () => {
  it('is planned, done by file, resumed, and loads again', async () => {
    const world = await setUp({}, { env: { HF_TOKEN: TOKEN } })
    const made = await ended(
      world,
      await world.client.call('hub.quantize', { repo: NAME, config: FOUR_BIT, measure: true }),
    )
    const request = { modelId: made.resultModelId ?? '', repo: 'acme/tiny-llama-hqq' }
    const plan = await world.client.call('hub.planUpload', request)
    expect(plan).toMatchObject({ exists: false, private: true })
    expect(plan.files.every(({ state }) => state === 'new')).toBe(true)
    expect(plan.card).toContain(`base_model: ${NAME}`)
    expect(plan.card).toContain('license: apache-2.0')
    expect(plan.card).toContain('| perplexity |')
    expect(plan.card).toContain('from_pretrained("acme/tiny-llama-hqq"')
    expect(hub.repos.has(request.repo)).toBe(false)

    expect(await ended(world, await world.client.call('hub.upload', request))).toMatchObject({
      state: 'done',
      error: null,
    })
    const repo = hub.repos.get(request.repo)
    expect(repo?.private).toBe(true)
    const stored = repo?.commits.at(-1)?.files
    const path =
      (await world.client.call('models.list', {})).models.find(({ id }) => id === made.resultModelId)?.path ?? ''
    for (const name of readdirSync(path))
      expect(stored?.get(name)?.content.equals(readFileSync(join(path, name)))).toBe(true)
    expect(stored?.get('README.md')?.content.toString()).toBe(plan.card)

    const again = await world.client.call('hub.planUpload', request)
    expect(again).toMatchObject({ exists: true, private: true, bytes: 0 })
    expect(hub.seen.filter(({ host }) => host === 'storage').every(({ authorization }) => authorization === null)).toBe(
      true,
    )
    const back = await ended(world, await world.client.call('hub.download', { repo: request.repo }))
    expect((await world.client.call('models.inspect', { id: back.resultModelId ?? '' })).summary).toMatchObject({
      origin: 'added',
      quantization: { label: '4-bit g64' },
    })
  })

  it('is refused without a token, and for what was not made here', async () => {
    const world = await setUp()
    const made = await ended(
      world,
      await world.client.call('hub.quantize', { repo: NAME, config: FOUR_BIT, measure: false }),
    )
    const failed = await ended(
      world,
      await world.client.call('hub.upload', { modelId: made.resultModelId ?? '', repo: 'acme/x' }),
    )
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'access-denied' } })
    await expect(world.client.call('hub.planUpload', { modelId: 'demo', repo: 'acme/x' })).rejects.toMatchObject({
      code: 'bad-input',
    })
  })
})
