import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { samplingSchema } from '../contract/domain.ts'
import { readLabels } from './label-files.ts'
import { closeWorlds, createWorld } from './testing/world.ts'

const IMAGES = fileURLToPath(new URL('../../resources/demo-vision/images', import.meta.url))
const CLIP = fileURLToPath(new URL('../../resources/demo-vision/clip', import.meta.url))
const roots: string[] = []
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'hqq-pictures-'))
  roots.push(made)
  return made
}
afterEach(async () => {
  await closeWorlds()
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

describe('kept pictures', () => {
  it('are named by their content and shown small', async () => {
    const { client } = await createWorld()
    const base64 = readFileSync(join(IMAGES, 'demo-04.png')).toString('base64')
    const kept = await client.call('images.add', { source: { kind: 'data', name: 'shapes.png', base64 } })
    expect(kept).toMatchObject({ name: 'shapes.png', width: 256, height: 192 })
    const again = await client.call('images.add', { source: { kind: 'file', path: join(IMAGES, 'demo-04.png') } })
    expect(again.id).toBe(kept.id)
    const image = { kind: 'stored' as const, id: kept.id }
    const small = await client.call('images.thumbnail', { image, size: 64 })
    expect(small).toMatchObject({ width: 64, height: 48, dataUrl: expect.stringMatching(/^data:image\/webp;base64,/) })
  })

  it('that no conversation shows are gone at the next start', async () => {
    const world = await createWorld()
    const source = (name: string) => ({ source: { kind: 'file' as const, path: join(IMAGES, name) } })
    const [shown, looked] = [
      await world.client.call('images.add', source('demo-01.png')),
      await world.client.call('images.add', source('demo-02.png')),
    ]
    const messages = [{ id: 'm', role: 'user' as const, content: 'What is it?', images: [shown] }]
    await world.client.call('chats.save', {
      ...{ id: 'one', title: 'one', modelId: 'demo', messages, sampling: samplingSchema.parse({}) },
      ...{ createdAt: '2026-01-01', updatedAt: '2026-01-01' },
    })
    await world.client.call('images.thumbnail', { image: { kind: 'stored', id: looked.id } })
    await world.close()
    const { client } = await createWorld({ root: world.root })
    await client.call('images.thumbnail', { image: { kind: 'stored', id: shown.id } })
    await expect(client.call('images.thumbnail', { image: { kind: 'stored', id: looked.id } })).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  it('are pictures', async () => {
    const { client } = await createWorld()
    const source = { kind: 'data' as const, name: 'x.png', base64: Buffer.from('<svg/>').toString('base64') }
    await expect(client.call('images.add', { source })).rejects.toMatchObject({ code: 'unsupported' })
    const image = { kind: 'stored' as const, id: '../../../etc/passwd' }
    await expect(client.call('images.thumbnail', { image, size: 64 })).rejects.toMatchObject({ code: 'bad-input' })
  })
})

describe('folders of pictures', () => {
  it('have labels from a file or from the names of their folders', async () => {
    const { client } = await createWorld()
    const labels = join(IMAGES, 'classes.csv')
    const listed = await client.call('images.list', { dir: IMAGES, labels })
    expect(listed.images).toHaveLength(40)
    expect(listed.images.find(({ name }) => name === 'test-01.png')?.label).toBe('red circle')
    const dir = folder()
    for (const label of ['cat', 'dog']) {
      mkdirSync(join(dir, label))
      writeFileSync(join(dir, label, `${label} 1.png`), '')
    }
    expect(await client.call('images.list', { dir })).toMatchObject({
      images: [{ name: 'cat/cat 1.png', label: 'cat' }, { label: 'dog' }],
      labels: ['cat', 'dog'],
    })
  })

  it.each([
    ['labels.csv', 'file,label\r\n"a, b.png","say ""hi"""\r\nc.png,two\r\n'],
    ['labels.json', '{"a, b.png": "say \\"hi\\"", "c.png": "two"}'],
    ['list.json', '[{"file": "a, b.png", "label": "say \\"hi\\""}, {"file": "c.png", "caption": "two"}]'],
  ])('are labelled by %s', async (name, text) => {
    const path = join(folder(), name)
    writeFileSync(path, text)
    expect([...(await readLabels(path)).labels]).toEqual([
      ['a, b.png', 'say "hi"'],
      ['c.png', 'two'],
    ])
  })

  it('are refused with labels that make no sense', async () => {
    for (const [name, text] of [
      ['a.csv', 'x,y\n1,2\n'],
      ['b.json', '[1, 2]'],
      ['c.json', '{}'],
    ] as const) {
      const path = join(folder(), name)
      writeFileSync(path, text)
      await expect(readLabels(path)).rejects.toMatchObject({ code: 'bad-file' })
    }
  })
})

describe('models that see', () => {
  it('tell their towers, classify and search, and say that they do not talk', async () => {
    const { client } = await createWorld()
    const model = await client.call('models.add', { path: CLIP })
    expect(model.vision).toMatchObject({
      kind: 'clip',
      imageSize: 96,
      towers: [
        { id: 'vision', layers: 6, hiddenSize: 256, parameters: 4_858_880 },
        { id: 'text', layers: 4, hiddenSize: 192, parameters: 2_007_168 },
      ],
    })
    expect(model.runProblem?.code).toBe('unsupported')
    const images = ['test-01.png', 'none.png', 'test-05.png'].map((name) => ({
      kind: 'file' as const,
      path: join(IMAGES, name),
    }))
    const events: { type: string; index?: number }[] = []
    const labels = ['red circle', 'blue square']
    const { prompts } = await client.stream(
      'vision.classify',
      { modelId: model.id, images, labels },
      { onEvent: (event) => events.push(event) },
    )
    expect(prompts).toEqual(['a photo of a red circle', 'a photo of a blue square'])
    expect(events.filter(({ type }) => type === 'problem')).toMatchObject([{ index: 1, error: { code: 'not-found' } }])
    expect(events.filter(({ type }) => type === 'image').map(({ index }) => index)).toEqual([0, 2])
    const query = { kind: 'image' as const, image: { kind: 'file' as const, path: join(IMAGES, 'test-05.png') } }
    const { hits } = await client.stream('vision.search', { modelId: model.id, images, query }, { onEvent() {} })
    expect(hits[0]).toMatchObject({ index: 2, similarity: expect.closeTo(1, 6) })
    expect(hits).toHaveLength(2)
  })

  it('are measured on labelled pictures: accuracy once for each protocol, and divergence over the labels', async () => {
    const { client } = await createWorld()
    const { id: modelId } = await client.call('models.add', { path: CLIP })
    const pictures = { dir: IMAGES, labels: join(IMAGES, 'classes.csv'), template: 'a photo of a {}' }
    const live = await client.stream('vision.accuracy', { modelId, ...pictures }, { onEvent() {} })
    expect(live).toMatchObject({ kind: 'labels', total: live.results.length, problems: [] })
    const job = await client.call('evaluate.start', {
      ...{ modelId, metrics: ['accuracy', 'divergence'], referenceModelId: modelId, pictures },
    })
    const ended = await client.stream('jobs.follow', { id: job.id }, { onEvent() {} })
    expect(ended).toMatchObject({ state: 'done' })
    const { rows } = await client.call('compare.rows', { modelId })
    const measured = rows[0]?.measurements ?? []
    expect(measured.map(({ metric }) => metric)).toEqual([
      ...['accuracy', 'accuracy-top5'],
      ...['mean-kl', 'p99-kl', 'top-1-agreement'],
    ])
    expect(measured[0]).toMatchObject({
      value: live.top1 * 100,
      protocolKey: live.protocolKey,
      protocol: { folder: IMAGES, labelsFrom: pictures.labels, template: 'a photo of a {}', pictures: live.total },
    })
    // From itself.
    expect(measured.slice(2).map(({ value }) => value)).toEqual([0, 0, 1])
    expect(measured[2]?.protocol).toMatchObject({ kind: 'zero-shot', labels: 24, reference: 'Demo CLIP' })
  })

  it('need pictures to be measured on', async () => {
    const { client } = await createWorld()
    const { id: modelId } = await client.call('models.add', { path: CLIP })
    const job = await client.call('evaluate.start', { modelId, metrics: ['divergence'], referenceModelId: modelId })
    const ended = await client.stream('jobs.follow', { id: job.id }, { onEvent() {} })
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'bad-input' } })
  })
})
