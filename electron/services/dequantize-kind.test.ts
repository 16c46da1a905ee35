import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { quantize } from '../plan/choices.ts'
import { closeWorlds, createWorld, makeTinyModel, type World } from './testing/world.ts'

vi.setConfig({ testTimeout: 60_000 })
afterEach(closeWorlds)

async function quantized(world: World): Promise<string> {
  const { id } = await world.client.call('models.add', { path: makeTinyModel(join(world.root, 'original')) })
  const config = { base: quantize(4, 32), rules: [], computeDtype: 'float16' as const }
  const job = await world.client.call('quantize.start', { modelId: id, config, measure: false })
  const done = await world.client.stream('jobs.follow', { id: job.id }, { onEvent() {} })
  return done.resultModelId ?? ''
}

describe('dequantizing', () => {
  it('makes a plain model of its own, in the library, under a free name', async () => {
    const world = await createWorld()
    const modelId = await quantized(world)
    const names = []
    for (let round = 0; round < 2; round++) {
      const job = await world.client.call('dequantize.start', { modelId, dtype: 'bfloat16' })
      const done = await world.client.stream('jobs.follow', { id: job.id }, { onEvent() {} })
      expect(done).toMatchObject({ state: 'done', title: expect.stringMatching(/^Dequantize /) })
      const { models } = await world.client.call('models.list', {})
      const made = models.find(({ id }) => id === done.resultModelId)
      expect(made).toMatchObject({ origin: 'added' })
      expect(existsSync(join(made?.path ?? '', 'tokenizer.json'))).toBe(true)
      const config = JSON.parse(readFileSync(join(made?.path ?? '', 'config.json'), 'utf8'))
      expect(config).toMatchObject({ torch_dtype: 'bfloat16' })
      expect(config).not.toHaveProperty('quantization_config')
      names.push(made?.name)
    }
    expect(new Set(names).size).toBe(2)
  })

  it('refuses a model that is not quantized before anything starts', async () => {
    const world = await createWorld()
    await expect(world.client.call('dequantize.start', { modelId: 'demo' })).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('plain already'),
    })
    expect((await world.client.call('jobs.list', {})).jobs).toEqual([])
  })
})
