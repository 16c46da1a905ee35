import { describe, expect, it } from 'vitest'
import type { QuantConfig } from '../contract/quant.ts'
import { KEEP, quantize } from './choices.ts'
import { decide, resolveConfig } from './resolve.ts'
import { DEMO_CONFIG, llamaModel } from './testing/llama.ts'

const { linears } = llamaModel({ ...DEMO_CONFIG, tiedEmbeddings: false })
const config = (more: Partial<QuantConfig>): QuantConfig => ({
  base: quantize(4, 64),
  rules: [],
  computeDtype: 'float16',
  ...more,
})

describe('decide', () => {
  it('lets later rules win and says which one decided', () => {
    const decisions = decide(
      config({
        rules: [
          { pattern: '*.self_attn.*', choice: quantize(8, 64) },
          { pattern: 'model.layers.0.*', choice: KEEP },
        ],
      }),
      linears,
    )
    expect(decisions.get('model.layers.1.self_attn.v_proj')).toEqual({
      choice: quantize(8, 64),
      decidedBy: '*.self_attn.*',
    })
    expect(decisions.get('model.layers.0.self_attn.v_proj')).toEqual({ choice: KEEP, decidedBy: 'model.layers.0.*' })
    expect(decisions.get('model.layers.1.mlp.up_proj')?.decidedBy).toBe('base')
  })

  it('keeps the head unless a rule names it', () => {
    expect(decide(config({}), linears).get('lm_head')).toEqual({ choice: KEEP, decidedBy: 'kept by default' })
    const named = config({ rules: [{ pattern: 'lm_head', choice: quantize(8, 64) }] })
    expect(decide(named, linears).get('lm_head')?.choice).toEqual(quantize(8, 64))
  })

  it('refuses a rule that matches nothing, by its pattern', () => {
    const wrong = config({ rules: [{ pattern: '*.q_porj', choice: KEEP }] })
    expect(() => decide(wrong, linears)).toThrow(
      expect.objectContaining({ code: 'bad-input', message: expect.stringContaining('"*.q_porj"') }),
    )
  })

  it('accepts a rule whose every match is overruled later', () => {
    const rules = [
      { pattern: '*.v_proj', choice: KEEP },
      { pattern: '*', choice: quantize(2, 16) },
    ]
    expect(decide(config({ rules }), linears).get('lm_head')?.choice).toEqual(quantize(2, 16))
  })
})

describe('resolveConfig', () => {
  it('prices every row in the order of the model', () => {
    const table = resolveConfig(config({}), linears)
    expect(table.map((row) => row.name)).toEqual(linears.map((linear) => linear.name))
    expect(table[0]).toMatchObject({
      name: 'model.layers.0.self_attn.q_proj',
      sourceBytes: 384 * 384 * 2,
      bytes: (384 * 384 * 4.5) / 8,
      metadataBytes: (384 * 384 * 4) / 64,
      bitsPerWeight: 4.5,
    })
    expect(table.at(-1)).toMatchObject({ name: 'lm_head', bitsPerWeight: 16, metadataBytes: 0 })
  })

  it('names the tensor a group size does not divide, and the cure', () => {
    expect(() => resolveConfig(config({ base: quantize(4, 100) }), linears)).toThrow(
      /^model\.layers\.0\.self_attn\.q_proj has 384 x 384 weights, which groups of 100 do not divide\. Near it: 96, 128\. The same is wrong with 55 more\.$/,
    )
  })
})
