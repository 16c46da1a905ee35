import { afterEach, describe, expect, it, vi } from 'vitest'
import type { JobRecord } from '../contract/domain.ts'
import { quantize } from '../plan/choices.ts'
import { closeWorlds, createWorld, type World } from './testing/world.ts'

afterEach(closeWorlds)
vi.setConfig({ testTimeout: 60_000 })

const FOUR_BIT = { base: quantize(4, 64), rules: [], computeDtype: 'float16' as const }

function ended(world: World, id: string): Promise<JobRecord> {
  return world.client.stream('jobs.follow', { id }, { onEvent() {} })
}

describe('the first session', () => {
  it('finds the demo model, quantizes it, measures it, compares it and chats with it; the next session still has it all', async () => {
    const world = await createWorld()
    const { models } = await world.client.call('models.list', {})
    expect(models).toMatchObject([
      { id: 'demo', origin: 'demo', runProblem: null, hasChatTemplate: true, dtype: 'bfloat16' },
    ])
    expect(models[0]?.parameters).toBe(14_162_304)

    const started = await world.client.call('quantize.start', { modelId: 'demo', config: FOUR_BIT })
    expect(started.title).toBe('Quantize Demo model to 4-bit g64')
    const done = await ended(world, started.id)
    expect(done).toMatchObject({ state: 'done', error: null })
    const made = done.resultModelId ?? ''

    const { rows } = await world.client.call('compare.rows', { modelId: 'demo' })
    expect(rows.map((row) => [row.model.id, row.role])).toEqual([
      ['demo', 'original'],
      [made, 'quantized'],
    ])
    expect(rows[1]?.measurements.map((one) => one.metric)).toEqual([
      'perplexity',
      'decode-speed',
      'prefill-speed',
      'memory',
    ])
    expect(rows[1]?.tensors).toHaveLength(56)

    const text: string[] = []
    const sampling = { temperature: 0, maxNewTokens: 6 }
    const messages = [{ id: 'm', role: 'user' as const, content: 'Hello' }]
    const answer = await world.client.stream(
      'chat.generate',
      { modelId: made, messages, sampling },
      { onEvent: (event) => event.type === 'text' && text.push(event.delta) },
    )
    expect(answer.finishReason).toBe('length')
    expect(text.join('')).toBe(answer.text)
    await world.close()

    const next = await createWorld({ root: world.root })
    const again = await next.client.call('models.list', {})
    expect(again.models.map((model) => model.id)).toEqual(['demo', made])
    expect(again.models[1]).toMatchObject({ origin: 'created', name: 'Demo model 4-bit g64' })
    expect((await next.client.call('jobs.list', {})).jobs).toMatchObject([{ id: started.id, state: 'done' }])
  })
})
