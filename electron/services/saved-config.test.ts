import { describe, expect, it } from 'vitest'
import type { Choice, ResolvedTensor } from '../contract/quant.ts'
import { KEEP, quantize } from '../plan/choices.ts'
import { configChanges, loadsIn } from './saved-config.ts'

function row(name: string, choice: Choice, shape: [number, number] = [64, 64]): ResolvedTensor {
  return { name, shape, choice, decidedBy: 'base', sourceBytes: 0, bytes: 0, metadataBytes: 0, bitsPerWeight: 0 }
}

function quantization(rows: ResolvedTensor[]) {
  const { quantization_config } = configChanges({ torch_dtype: 'bfloat16' }, rows, 'float16')
  return quantization_config as { quant_config: Record<string, never>; quant_method: string; skip_modules: string[] }
}

const Q = 'model.layers.0.self_attn.q_proj'
const UP = 'model.layers.0.mlp.up_proj'
const weights = (nbits: number, group_size: number | null, more = {}) => ({
  offload_meta: false,
  scale_quant_params: null,
  weight_quant_params: {
    axis: 1,
    channel_wise: true,
    group_size,
    nbits,
    optimize: true,
    round_zero: nbits === 4,
    view_as_float: false,
    ...more,
  },
  zero_quant_params: null,
})

describe('quantization_config', () => {
  it('is one configuration when all layers share it', () => {
    expect(quantization([row(Q, quantize(4, 64)), row(UP, quantize(4, 64)), row('lm_head', KEEP)])).toEqual({
      quant_config: weights(4, 64),
      quant_method: 'hqq',
      skip_modules: ['lm_head'],
    })
  })

  it('names tags where layers differ, and modules that are kept', () => {
    const rows = [
      row(Q, quantize(3, 64)),
      row(UP, quantize(4, null, { method: 'rtn' })),
      row('model.layers.1.mlp.up_proj', KEEP),
    ]
    expect(quantization(rows)).toEqual({
      quant_config: { 'self_attn.q_proj': weights(3, 64), 'mlp.up_proj': weights(4, null, { optimize: false }) },
      quant_method: 'hqq',
      skip_modules: ['lm_head', 'model.layers.1.mlp.up_proj'],
    })
  })

  it('describes a tag of mixed layers by its most common configuration', () => {
    const rows = [
      row(Q, quantize(2, 16)),
      row('model.layers.1.self_attn.q_proj', quantize(4, 64)),
      row('model.layers.2.self_attn.q_proj', quantize(4, 64)),
    ]
    expect(quantization(rows).quant_config).toEqual({ 'self_attn.q_proj': weights(4, 64) })
  })

  it('does not skip a head that is quantized', () => {
    expect(quantization([row(Q, quantize(4, 64)), row('lm_head', quantize(8, 64))]).skip_modules).toEqual([])
  })

  it('follows the name that the source uses for its dtype', () => {
    expect(configChanges({ dtype: 'float32' }, [row(Q, quantize(4, 64))], 'float16')).toHaveProperty('dtype', 'float16')
    expect(configChanges({}, [row(Q, quantize(4, 64))], 'float16')).toHaveProperty('torch_dtype', 'float16')
  })
})

describe('which programs read the result', () => {
  it.each([
    ['4-bit g64 everywhere', [row(Q, quantize(4, 64)), row('lm_head', KEEP)], true, true],
    ['another group size', [row(Q, quantize(4, 32))], true, false],
    ['a kept layer', [row(Q, quantize(4, 64)), row(UP, KEEP)], true, false],
    ['5 bits', [row(Q, quantize(5, 64))], false, false],
    ['8-bit zeros', [row(Q, quantize(4, 64, { quantZero: true }))], false, false],
    ['rows that do not divide', [row(Q, quantize(4, 64), [1, 64])], false, false],
  ])('%s', (_, rows, transformers, vllm) => {
    const verdicts = loadsIn(rows)
    expect(verdicts.transformers?.ok).toBe(transformers)
    expect(verdicts.vLLM?.ok).toBe(vllm)
    for (const { reason } of Object.values(verdicts)) expect(reason).not.toBe('')
  })
})
