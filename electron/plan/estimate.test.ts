import { describe, expect, it } from 'vitest'
import type { QuantConfig } from '../contract/quant.ts'
import { choiceLabel, KEEP, quantize, quantSpec } from './choices.ts'
import { estimateChoices, estimateConfig, type PlanModel, predictMemory } from './estimate.ts'
import { verdictOf } from './fit.ts'
import { BUILT_IN_PRESETS, builtInPreset } from './presets.ts'
import { suits } from './resolve.ts'
import { keptByDefault } from './tags.ts'
import { DEMO_CONFIG, llamaModel, mixtralModel, seeingModel } from './testing/llama.ts'

const GiB = 2 ** 30
const model = llamaModel()
const LINEAR_WEIGHTS = 8 * (384 * 384 * 2 + 128 * 384 * 2 + 384 * 1024 * 3)
const OTHER_BYTES = (4096 * 384 + 17 * 384) * 2
const fourBit: QuantConfig = { base: quantize(4, 64), rules: [], computeDtype: 'float16' }
const roomy = { availableMemoryBytes: 16 * GiB, totalMemoryBytes: 24 * GiB }

describe('estimateConfig', () => {
  it('itemises the memory to run', () => {
    const estimate = estimateConfig(model, fourBit, { contextLength: 1024, machine: roomy })
    expect(estimate.run.weights).toBe(LINEAR_WEIGHTS / 2 + OTHER_BYTES)
    expect(estimate.run.metadata).toBe((LINEAR_WEIGHTS / 64) * 4)
    expect(estimate.runTotalBytes).toBe(Object.values(estimate.run).reduce((sum, part) => sum + part, 0))
    expect(estimate.bitsPerWeight).toBe(4.5)
    expect(estimate.runFit.verdict).toBe('fits')
    expect(estimate.quantizeFit.verdict).toBe('fits')
    expect(estimate.warnings).toEqual([])
  })

  it('prices the KV cache by the context', () => {
    const at = (contextLength: number) => estimateConfig(model, fourBit, { contextLength, machine: null }).run.kvCache
    expect(at(2048)).toBe(2 * at(1024))
  })

  it('knows the buffers of the engine to the byte', () => {
    // Measured on the demo model with a context of 1024 tokens.
    const { run } = estimateConfig(model, fourBit, { contextLength: 1000, machine: null })
    expect(run.kvCache).toBe(8_388_608)
    expect(run.scratch).toBe(9_995_264)
  })

  it('lists what is not a linear layer, at the size it is saved with', () => {
    const { table } = estimateConfig(
      model,
      { ...fourBit, computeDtype: 'float32' },
      { contextLength: 16, machine: null },
    )
    const norm = table.find((row) => row.name === 'model.norm.weight')
    expect(norm).toMatchObject({ decidedBy: 'not a linear layer', choice: KEEP, bytes: 384 * 4 })
    const embedding = table.find((row) => row.name === 'model.embed_tokens')
    expect(embedding).toMatchObject({ decidedBy: 'kept by default', choice: KEEP, bytes: 4096 * 384 * 4 })
    expect(table).toHaveLength(56 + 18)
  })

  it('quantizes embeddings when asked', () => {
    const rules = [{ pattern: '*embed_tokens', choice: quantize(8, 64) }]
    const { run } = estimateConfig(model, { ...fourBit, rules }, { contextLength: 16, machine: null })
    expect(run.weights).toBe(LINEAR_WEIGHTS / 2 + 4096 * 384 + 17 * 384 * 2)
  })

  it('counts a window once it is shorter than the context', () => {
    const windowed = { ...model, summary: { config: { ...DEMO_CONFIG, sliding: { window: 512, layers: 6 } } } }
    const cache = (contextLength: number, of: PlanModel = windowed) =>
      estimateConfig(of, fourBit, { contextLength, machine: null }).run.kvCache
    expect(cache(512)).toBe(cache(512, model))
    // Six rings of window and batch, two layers with the whole context.
    expect(cache(8192)).toBe((cache(8192, model) / 8192) * ((6 * 768 + 2 * 8192) / 8))
  })

  it('predicts the file within a percent of the tensors and their descriptions', () => {
    const { table, fileBytes } = estimateConfig(model, fourBit, { contextLength: 16, machine: null })
    const payload = table.reduce((sum, row) => sum + row.bytes, 0)
    // 56 quantized layers with a header of roughly 2 kB each.
    expect(fileBytes).toBeGreaterThan(payload + 56 * 1700)
    expect(fileBytes).toBeLessThan(payload + 56 * 2400)
  })

  it('needs memory for the largest tensor only when quantizing', () => {
    const large = llamaModel({ ...DEMO_CONFIG, layers: 80 })
    const few = estimateConfig(model, fourBit, { contextLength: 16, machine: null }).quantizeBytes
    expect(estimateConfig(large, fourBit, { contextLength: 16, machine: null }).quantizeBytes).toBe(few)
  })
})

describe('the fit', () => {
  it('turns amber at 80 % and red at 90 %', () => {
    expect([79, 80, 89, 90].map((needed) => verdictOf(needed, 100))).toEqual(['fits', 'tight', 'tight', 'too-big'])
  })

  it('tells weights that are too big from a context that is', () => {
    const small = { availableMemoryBytes: 0.11 * GiB, totalMemoryBytes: GiB }
    const weights = estimateConfig(model, fourBit, {
      contextLength: 16,
      machine: { ...small, availableMemoryBytes: 5e7 },
    })
    expect(weights.runFit).toMatchObject({ verdict: 'too-big', reason: expect.stringMatching(/fewer bits per weight/) })
    const context = estimateConfig(model, fourBit, {
      contextLength: 200_000,
      machine: { ...small, availableMemoryBytes: GiB },
    })
    expect(context.runFit).toMatchObject({
      verdict: 'too-big',
      reason: expect.stringMatching(/KV cache at 200000 tokens .* A context of \d+ tokens fits/),
    })
    const advised = Number(/context of (\d+)/.exec(context.runFit.reason)?.[1])
    const tried = estimateConfig(model, fourBit, {
      contextLength: advised,
      machine: { ...small, availableMemoryBytes: GiB },
    })
    expect(tried.runFit.verdict).toBe('fits')
  })
})

describe('warnings', () => {
  const warningsOf = (config: QuantConfig) =>
    estimateConfig(model, config, { contextLength: 16, machine: null }).warnings

  it('names a choice with more levels that needs no more storage', () => {
    expect(warningsOf({ ...fourBit, base: quantize(1, 8) })).toEqual([
      expect.stringMatching(
        /^1-bit g8 stores 5\.0 bits per weight .* \(56 layers\): 4-bit g32 stores 5\.0 .* 16 levels instead of 2/,
      ),
    ])
    expect(warningsOf({ ...fourBit, base: quantize(2, 16) })).toEqual([expect.stringMatching(/3-bit g64 stores 3\.7/)])
    expect(warningsOf({ ...fourBit, base: quantize(2, 32) })).toEqual([])
  })

  it('says when keeping the weights is cheaper', () => {
    expect(warningsOf({ ...fourBit, base: quantize(8, 4) })[0]).toMatch(/keeping the weights costs 16/)
  })

  it('says what only this app can read', () => {
    expect(warningsOf({ ...fourBit, base: quantize(6, 64) })).toEqual([expect.stringMatching(/^Only this app/)])
  })
})

describe('presets', () => {
  it.each(BUILT_IN_PRESETS.map((preset) => [preset.id, preset] as const))(
    '%s resolves on the models it is offered for',
    (_, preset) => {
      const models = [model, mixtralModel(), seeingModel()].filter(({ linears }) => suits(preset.config, linears))
      expect(models.length).toBeGreaterThan(0)
      for (const one of models) {
        const estimate = estimateConfig(one, preset.config, { contextLength: 1024, machine: roomy })
        expect(estimate.bitsPerWeight).toBeLessThan(9)
      }
      expect(builtInPreset(preset.id)).toBe(preset)
    },
  )

  it('leave the eyes of a language model alone unless a rule names them', () => {
    const chosen = (id: string) => {
      const config = builtInPreset(id)?.config ?? fourBit
      const { table } = estimateConfig(seeingModel(), config, { contextLength: 1024, machine: roomy })
      const quantized = table.filter(({ choice }) => choice.kind === 'quantize').map(({ name }) => name)
      return [quantized.filter((name) => name.startsWith('vision_tower')).length, quantized.length]
    }
    expect(chosen('4-bit')).toEqual([0, 56])
    expect(chosen('vision-only')).toEqual([8, 8])
    expect(chosen('text-4-vision-8')).toEqual([8, 64])
  })

  it('offers the one for experts to mixtures only', () => {
    const config = builtInPreset('experts-2-bit')?.config ?? fourBit
    expect(suits(config, model.linears)).toBe(false)
    const { table } = estimateConfig(mixtralModel(), config, { contextLength: 64, machine: null })
    const labels = new Map(table.map(({ name, choice }) => [name, choiceLabel(choice)]))
    expect(labels.get('model.layers.1.block_sparse_moe.experts.3.w2')).toBe('2-bit g32')
    expect(labels.get('model.layers.1.self_attn.q_proj')).toBe('4-bit g64')
    expect(labels.get('model.layers.1.block_sparse_moe.gate')).toBe('kept')
  })
})

describe('choices and stored models', () => {
  it('prices cell-by-cell choices like the configuration that means the same', () => {
    const choices = new Map(model.linears.map(({ name }) => [name, keptByDefault(name) ? KEEP : quantize(4, 64)]))
    const situation = { contextLength: 512, machine: roomy }
    const { table, ...fromChoices } = estimateChoices(model, choices, 'float16', situation)
    const { table: _, ...fromConfig } = estimateConfig(model, fourBit, situation)
    expect(fromChoices).toEqual(fromConfig)
    expect(table[0]?.decidedBy).toBe('chosen')
  })

  it('predicts a model as it is stored', () => {
    const parts = predictMemory(model, 1024)
    expect(parts.weights).toBe(LINEAR_WEIGHTS * 2 + OTHER_BYTES)
    expect(parts.metadata).toBe(0)
    const quantized = {
      ...model,
      linears: model.linears.map((linear) => ({
        ...linear,
        quantized: keptByDefault(linear.name) ? null : { ...quantSpec(4, 64), bytes: 100, metadataBytes: 10 },
      })),
    }
    expect(predictMemory(quantized, 1024)).toMatchObject({
      metadata: (LINEAR_WEIGHTS / 64) * 4,
      weights: LINEAR_WEIGHTS / 2 + OTHER_BYTES,
    })
  })
})
