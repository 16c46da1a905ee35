import { describe, expect, it } from 'vitest'
import { familyOf } from '../../plan/families.ts'
import { summaryOf } from '../config-summary.ts'
import { ggufConfig } from './config.ts'
import { ggufMetadata } from './metadata.ts'

type Shapes = Readonly<Record<string, number[]>>

function configOf(architecture: string, fields: Readonly<Record<string, unknown>>, shapes: Shapes = {}) {
  const own = {
    embedding_length: 64,
    feed_forward_length: 128,
    block_count: 2,
    context_length: 256,
    'attention.head_count': 4,
    'attention.head_count_kv': 2,
    'attention.layer_norm_rms_epsilon': Math.fround(1e-5),
    ...fields,
  }
  const metadata = Object.fromEntries(Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value]))
  const tensors = Object.entries({ 'token_embd.weight': [320, 64], ...shapes })
  return ggufConfig(
    ggufMetadata('x.gguf', {
      metadata: { ...metadata, 'general.architecture': architecture },
      tensors: tensors.map(([name, shape]) => ({ name, shape, type: 'F32' })),
      rope: {},
    }),
  )
}

describe('the configuration of a GGUF file', () => {
  it.each([
    ['llama', {}, {}],
    ['qwen2', {}, {}],
    ['qwen3', {}, {}],
    ['smollm3', {}, {}],
    ['olmo2', {}, {}],
    ['gemma', {}, {}],
    ['gemma2', {}, {}],
    ['gemma3', {}, {}],
    ['phi3', {}, {}],
    ['phi2', { 'attention.layer_norm_rms_epsilon': undefined, 'attention.layer_norm_epsilon': 1e-5 }, {}],
    ['llama', { expert_count: 4, expert_used_count: 2 }, {}],
    ['qwen3moe', { expert_count: 4, expert_used_count: 2 }, { 'blk.0.ffn_up_exps.weight': [4, 32, 64] }],
    [
      'qwen2moe',
      { expert_count: 4, expert_used_count: 2, expert_feed_forward_length: 32 },
      { 'blk.0.ffn_up_shexp.weight': [48, 64] },
    ],
  ] as const)('is one that the engine runs: %s %o', (architecture, fields, shapes) => {
    const config = configOf(
      architecture,
      fields,
      Object.fromEntries(Object.entries(shapes).map(([k, v]) => [k, [...v]])),
    )
    // ggufConfig lists one.
    const [name] = config.architectures as string[]
    expect(familyOf(name ?? '')).not.toBeNull()
    expect(summaryOf(name ?? '', String(config.model_type), config).error).toBeNull()
    expect(config).toMatchObject({ hidden_size: 64, vocab_size: 320, tie_word_embeddings: true })
  })

  it('knows a Llama with experts as Mixtral', () => {
    expect(configOf('llama', { expert_count: 8, expert_used_count: 2 })).toMatchObject({
      architectures: ['MixtralForCausalLM'],
      num_local_experts: 8,
      num_experts_per_tok: 2,
      intermediate_size: 128,
      sliding_window: null,
    })
  })

  it('takes the size of experts from their matrices', () => {
    const shapes = { 'blk.0.ffn_up_exps.weight': [4, 32, 64], 'blk.0.ffn_up_shexp.weight': [48, 64] }
    expect(configOf('qwen2moe', { expert_count: 4, expert_used_count: 2 }, shapes)).toMatchObject({
      moe_intermediate_size: 32,
      shared_expert_intermediate_size: 48,
      norm_topk_prob: false,
    })
  })

  it('names the file and what it does not read', () => {
    expect(() => configOf('rwkv7', {})).toThrow(/x\.gguf.*rwkv7.*olmo2/)
    expect(() => configOf('llama', { block_count: undefined })).toThrow(/block_count/)
  })
})
