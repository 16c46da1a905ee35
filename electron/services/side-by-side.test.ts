import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { BlindEvent, SideBySideEvent } from '../contract/difference.ts'
import { closeWorlds, createWorld, makeTinyModel, TINY_CONFIG, type World, type WorldOptions } from './testing/world.ts'

vi.setConfig({ testTimeout: 60_000 })
afterEach(closeWorlds)

/** Too little for two models at a time. */
const SMALL_MACHINE = { memoryBytes: 150e6 }

async function twoVersions(options: WorldOptions = {}): Promise<World & { other: string }> {
  const world = await createWorld({ script: [316, 265, 581, 461, 53], ...options })
  const added = await world.client.call('models.add', { path: makeTinyModel(join(world.root, 'other')) })
  return { ...world, other: added.id }
}

async function answers(world: World & { other: string }, maxNewTokens = 6) {
  const events: SideBySideEvent[] = []
  const result = await world.client.stream(
    'compare.answers',
    {
      modelIds: ['demo', world.other],
      prompt: { kind: 'text', text: 'Once upon a time' },
      sampling: { temperature: 0, maxNewTokens },
    },
    { onEvent: (event) => events.push(event) },
  )
  return { events, result }
}

describe('answers side by side', () => {
  it('are told as they are written, then token by token with their divergence from the first', async () => {
    const world = await twoVersions()
    const { events, result } = await answers(world)
    const [reference, other] = result.answers
    expect(result.together).toBe(true)
    expect(reference).toMatchObject({ modelId: 'demo', firstDifference: null, summary: null, finishReason: 'length' })
    expect(reference?.tokens.every(({ seen }) => seen === null)).toBe(true)
    expect(other).toMatchObject({ modelId: world.other, firstDifference: null, summary: { tokens: 6, windows: 1 } })
    expect(other?.tokens).toHaveLength(6)
    expect(other?.tokens.map(({ text }) => text).join('')).toBe(other?.text)
    const strange = other?.tokens.filter(({ seen }) => (seen?.kl ?? 0) > 0) ?? []
    expect(strange.length).toBeGreaterThan(0)
    expect(strange[0]?.seen?.top).not.toBe(strange[0]?.seen?.referenceTop)
    expect(other?.summary?.topAgreement).toBeCloseTo(1 - strange.length / 6)
    for (const modelId of ['demo', world.other]) {
      const text = events.flatMap((event) => (event.type === 'text' && event.modelId === modelId ? [event.delta] : []))
      expect(text.join('')).toBe(result.answers.find((answer) => answer.modelId === modelId)?.text)
    }
  })

  it('are the same when only one model fits in memory', async () => {
    const plenty = await twoVersions()
    const narrow = await twoVersions(SMALL_MACHINE)
    const [a, b] = [await answers(plenty), await answers(narrow)]
    expect([a.result.together, b.result.together]).toEqual([true, false])
    expect(b.result.answers.map(({ tokens, summary }) => ({ tokens, summary }))).toEqual(
      a.result.answers.map(({ tokens, summary }) => ({ tokens, summary })),
    )
    expect(readdirSync(join(narrow.dataDir, 'tmp'))).toEqual([])
  })

  it('end where the context does, so that they can be read again', async () => {
    const world = await twoVersions()
    await world.client.call('settings.set', { contextLength: 16 })
    const { result } = await answers(world, 200)
    expect(result.answers[1]?.tokens.length).toBeLessThan(16)
    expect(result.answers[1]?.summary?.tokens).toBe(result.answers[1]?.tokens.length)
  })

  it('refuse models of different vocabularies, and stop when told to', async () => {
    const world = await twoVersions({ stepMs: 20 })
    const path = makeTinyModel(join(world.root, 'foreign'), { ...TINY_CONFIG, vocab_size: 5000 })
    const { id } = await world.client.call('models.add', { path })
    await expect(answers({ ...world, other: id })).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('Compare versions of one model'),
    })
    const stop = new AbortController()
    const running = world.client.stream(
      'compare.answers',
      { modelIds: ['demo', world.other], prompt: { kind: 'text', text: 'Once' }, sampling: { maxNewTokens: 100 } },
      { signal: stop.signal, onEvent: (event) => event.type === 'text' && stop.abort() },
    )
    await expect(running).rejects.toMatchObject({ code: 'cancelled' })
  })
})

describe('a text of a person’s own', () => {
  it('is shown token by token, the first of each window without figures', async () => {
    const world = await twoVersions()
    const text = 'It was a dark and stormy night; the rain fell in torrents. '.repeat(8)
    const request = { modelIds: ['demo', world.other], text, window: 32 }
    const { cut, protocol, versions } = await world.client.stream('compare.text', request, { onEvent() {} })
    expect(cut).toBe(false)
    expect(protocol).toMatchObject({ protocol: 'windows', window: 32, temperature: 1, loaded: 'together' })
    const [version] = versions
    expect(version?.tokens.map((token) => token.text).join('')).toBe(text)
    expect(version?.tokens[0]?.seen).toBeNull()
    expect(version?.tokens[32]?.seen).toBeNull()
    expect(version?.tokens[33]?.seen).not.toBeNull()
    expect(version?.summary.tokens).toBe((version?.summary.windows ?? 0) * 31)
  })

  it('is one window when it is short, and refused when there is nothing to predict', async () => {
    const world = await twoVersions()
    const on = (text: string) =>
      world.client.stream('compare.text', { modelIds: ['demo', world.other], text }, { onEvent() {} })
    const { versions, protocol } = await on('It was a dark night.')
    expect(versions[0]?.summary).toMatchObject({ windows: 1, tokens: protocol.window - 1 })
    // BOS and nothing else that is predicted would be too little.
    await expect(
      world.client.stream('compare.text', { modelIds: ['demo', world.other], text: '' }, { onEvent() {} }),
    ).rejects.toMatchObject({ code: 'bad-input' })
  })
})

describe('divergence as a measurement', () => {
  async function measure(world: World & { other: string }, window = 64) {
    const path = join(world.root, 'text.txt')
    writeFileSync(path, 'It was a dark and stormy night; the rain fell in torrents. '.repeat(60))
    const job = await world.client.call('evaluate.start', {
      ...{ modelId: world.other, metrics: ['divergence'], referenceModelId: 'demo', window },
      text: { kind: 'file', path },
    })
    return world.client.stream('jobs.follow', { id: job.id }, { onEvent() {} })
  }

  it('has four numbers under one key that names the reference', async () => {
    const world = await twoVersions()
    expect(await measure(world)).toMatchObject({ state: 'done' })
    const { rows } = await world.client.call('compare.rows', { modelId: world.other })
    const found = rows[0]?.measurements ?? []
    expect(found.map(({ metric }) => metric)).toEqual(['mean-kl', 'p99-kl', 'top-1-agreement', 'perplexity-ratio'])
    expect(new Set(found.map(({ protocolKey }) => protocolKey)).size).toBe(1)
    expect(found[0]?.protocolKey).toContain('from=demo')
    expect(found[0]?.protocol).toMatchObject({ reference: 'Demo model', window: 64, temperature: 1 })
  })

  it('is the same in pieces as at once', async () => {
    const [plenty, narrow] = [await twoVersions(), await twoVersions(SMALL_MACHINE)]
    // One window of float32 logits at a time.
    narrow.app.services.differences.logitFileBytes = 1
    const values = []
    for (const world of [plenty, narrow]) {
      await measure(world, 32)
      const { rows } = await world.client.call('compare.rows', { modelId: world.other })
      values.push(rows[0]?.measurements.map(({ metric, value, protocolKey }) => ({ metric, value, protocolKey })))
    }
    expect(values[1]).toEqual(values[0])
    expect(readdirSync(join(narrow.dataDir, 'tmp'))).toEqual([])
  })

  it('asks what to compare with when nobody knows', async () => {
    const world = await twoVersions()
    const job = await world.client.call('evaluate.start', { modelId: world.other, metrics: ['divergence'] })
    const ended = await world.client.stream('jobs.follow', { id: job.id }, { onEvent() {} })
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'bad-input' } })
  })
})

describe('blind votes', () => {
  async function ask(world: World & { other: string }) {
    const events: BlindEvent[] = []
    const request = {
      modelIds: ['demo', world.other] as [string, string],
      prompt: { kind: 'text' as const, text: 'Once upon a time' },
      sampling: { temperature: 0, maxNewTokens: 4 },
    }
    const asked = await world.client.stream('blind.ask', request, { onEvent: (event) => events.push(event) })
    return { asked, events }
  }

  it('hide who wrote what until they are cast, and are kept', async () => {
    const world = await twoVersions()
    const { asked, events } = await ask(world)
    expect(JSON.stringify([asked, events])).not.toContain('demo')
    expect(JSON.stringify([asked, events])).not.toContain(world.other)
    const revealed = await world.client.call('blind.vote', { id: asked.id, ballot: 'left' })
    expect([revealed.left, revealed.right].sort()).toEqual(['demo', world.other].sort())
    expect(revealed.tally).toMatchObject({ first: 1, second: 0, ties: 0, share: 1 })
    await expect(world.client.call('blind.vote', { id: asked.id, ballot: 'right' })).rejects.toMatchObject({
      code: 'not-found',
    })
    await world.close()
    const later = await createWorld({ root: world.root })
    const tally = await later.client.call('blind.tally', { modelIds: [revealed.right, revealed.left] })
    expect(tally).toMatchObject({ first: 0, second: 1, ties: 0, share: 0 })
    expect(tally.interval?.[1]).toBeLessThan(1)
    await later.client.call('blind.clear', { modelIds: [revealed.left, revealed.right] })
    expect(await later.client.call('blind.tally', { modelIds: ['demo', world.other] })).toMatchObject({ first: 0 })
  })

  it('put each version on either side, in the long run', async () => {
    const world = await twoVersions()
    const lefts = new Set<string>()
    // The chance that 24 fair coins all fall alike is one in eight million.
    for (let round = 0; round < 24 && lefts.size < 2; round++) {
      const { asked } = await ask(world)
      lefts.add((await world.client.call('blind.vote', { id: asked.id, ballot: 'tie' })).left)
    }
    expect(lefts.size).toBe(2)
  })

  it('go with the model', async () => {
    const world = await twoVersions()
    const { asked } = await ask(world)
    await world.client.call('blind.vote', { id: asked.id, ballot: 'tie' })
    await world.client.call('models.remove', { id: world.other })
    expect(await world.client.call('blind.tally', { modelIds: ['demo', world.other] })).toMatchObject({ ties: 0 })
  })
})
