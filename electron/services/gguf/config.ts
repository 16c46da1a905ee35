/** The config.json that a GGUF file's model has on the Hub, as far as running it needs: one small function per architecture. */
import { AppError } from '../../contract/errors.ts'
import type { GgufMetadata } from './metadata.ts'

type Config = Record<string, unknown>

/** Fields beside the common ones. */
const OWN: Readonly<Record<string, (metadata: GgufMetadata) => Config>> = {
  llama: (metadata) => ({
    ...(metadata.numberOr('expert_count', 0) > 0
      ? {
          architectures: ['MixtralForCausalLM'],
          model_type: 'mixtral',
          sliding_window: null,
          ...mixtralExperts(metadata),
        }
      : { architectures: ['LlamaForCausalLM'], model_type: 'llama' }),
    hidden_act: 'silu',
    attention_bias: metadata.hasTensor('blk.0.attn_q.bias'),
    mlp_bias: metadata.hasTensor('blk.0.ffn_up.bias'),
    rope_scaling: llamaScaling(metadata),
  }),
  qwen2: (metadata) => ({
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    hidden_act: 'silu',
    rope_scaling: simpleScaling(metadata),
  }),
  qwen3: (metadata) => ({
    architectures: ['Qwen3ForCausalLM'],
    model_type: 'qwen3',
    hidden_act: 'silu',
    attention_bias: metadata.hasTensor('blk.0.attn_q.bias'),
    rope_scaling: simpleScaling(metadata),
  }),
  qwen2moe: (metadata) => ({
    architectures: ['Qwen2MoeForCausalLM'],
    model_type: 'qwen2_moe',
    hidden_act: 'silu',
    qkv_bias: metadata.hasTensor('blk.0.attn_q.bias'),
    shared_expert_intermediate_size: sharedExpertSize(metadata),
    norm_topk_prob: false,
    ...qwenExperts(metadata),
  }),
  qwen3moe: (metadata) => ({
    architectures: ['Qwen3MoeForCausalLM'],
    model_type: 'qwen3_moe',
    hidden_act: 'silu',
    norm_topk_prob: true,
    rope_scaling: simpleScaling(metadata),
    ...qwenExperts(metadata),
  }),
  smollm3: (metadata) => ({
    architectures: ['SmolLM3ForCausalLM'],
    model_type: 'smollm3',
    hidden_act: 'silu',
    no_rope_layer_interval: 4,
    rope_scaling: simpleScaling(metadata),
  }),
  olmo2: (metadata) => ({
    architectures: ['Olmo2ForCausalLM'],
    model_type: 'olmo2',
    hidden_act: 'silu',
    rope_scaling: simpleScaling(metadata),
  }),
  phi2: (metadata) => ({
    architectures: ['PhiForCausalLM'],
    model_type: 'phi',
    hidden_act: 'gelu_new',
    layer_norm_eps: shortest(metadata.number('attention.layer_norm_epsilon')),
    partial_rotary_factor: metadata.numberOr('rope.dimension_count', headDim(metadata)) / headDim(metadata),
  }),
  phi3: (metadata) => ({
    architectures: ['Phi3ForCausalLM'],
    model_type: 'phi3',
    hidden_act: 'silu',
    sliding_window: metadata.numberOr('attention.sliding_window', null),
    original_max_position_embeddings: metadata.numberOr(
      'rope.scaling.original_context_length',
      metadata.number('context_length'),
    ),
    partial_rotary_factor: metadata.numberOr('rope.dimension_count', headDim(metadata)) / headDim(metadata),
    rope_scaling: longScaling(metadata),
  }),
  gemma: () => ({ architectures: ['GemmaForCausalLM'], model_type: 'gemma', ...GEMMA_ACTIVATION }),
  gemma2: (metadata) => ({
    architectures: ['Gemma2ForCausalLM'],
    model_type: 'gemma2',
    ...GEMMA_ACTIVATION,
    attn_logit_softcapping: metadata.numberOr('attn_logit_softcapping', 50),
    final_logit_softcapping: metadata.numberOr('final_logit_softcapping', 30),
    sliding_window: metadata.numberOr('attention.sliding_window', 4096),
    query_pre_attn_scalar: queryScalar(metadata, 46),
  }),
  gemma3: (metadata) => ({
    architectures: ['Gemma3ForCausalLM'],
    model_type: 'gemma3_text',
    ...GEMMA_ACTIVATION,
    sliding_window: metadata.numberOr('attention.sliding_window', 1024),
    sliding_window_pattern: 6,
    rope_local_base_freq: 10_000,
    query_pre_attn_scalar: queryScalar(metadata, 62),
    rope_scaling: simpleScaling(metadata),
  }),
}

const GEMMA_ACTIVATION = { hidden_activation: 'gelu_pytorch_tanh', hidden_act: 'gelu_pytorch_tanh' }

/** Throws `unsupported` for an architecture that is not read, `bad-file` for a missing number. */
export function ggufConfig(metadata: GgufMetadata): Config {
  const own = OWN[metadata.architecture]
  if (own === undefined) {
    throw new AppError(
      'unsupported',
      `${metadata.path} holds a model of architecture "${metadata.architecture}", which is not read from GGUF here. ` +
        `Take its safetensors form. What is read: ${Object.keys(OWN).join(', ')}.`,
    )
  }
  const heads = metadata.number('attention.head_count')
  return {
    hidden_size: metadata.number('embedding_length'),
    intermediate_size: metadata.number('feed_forward_length'),
    num_hidden_layers: metadata.number('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: metadata.numberOr('attention.head_count_kv', heads),
    head_dim: headDim(metadata),
    vocab_size: metadata.shapeOf('token_embd.weight')?.[0] ?? metadata.number('vocab_size'),
    ...rmsNorm(metadata),
    max_position_embeddings: metadata.number('context_length'),
    rope_theta: metadata.numberOr('rope.freq_base', 10_000),
    tie_word_embeddings: !metadata.hasTensor('output.weight'),
    torch_dtype: 'float16',
    bos_token_id: metadata.numberOr('tokenizer.ggml.bos_token_id', null),
    eos_token_id: metadata.numberOr('tokenizer.ggml.eos_token_id', null),
    pad_token_id: metadata.numberOr('tokenizer.ggml.padding_token_id', null),
    ...own(metadata),
  }
}

function headDim(metadata: GgufMetadata): number {
  const fallback = metadata.number('embedding_length') / metadata.number('attention.head_count')
  return metadata.numberOr('attention.key_length', fallback)
}

/** All but the families with LayerNorm have it. */
function rmsNorm(metadata: GgufMetadata): Config {
  const epsilon = metadata.numberOr('attention.layer_norm_rms_epsilon', null)
  if (epsilon !== null) return { rms_norm_eps: shortest(epsilon) }
  if (metadata.numberOr('attention.layer_norm_epsilon', null) !== null) return {}
  return { rms_norm_eps: metadata.number('attention.layer_norm_rms_epsilon') }
}

function mixtralExperts(metadata: GgufMetadata): Config {
  return {
    num_local_experts: metadata.number('expert_count'),
    num_experts_per_tok: metadata.number('expert_used_count'),
  }
}

/** The size of one expert; files that leave it out have it in the shape of the experts' matrices. */
function qwenExperts(metadata: GgufMetadata): Config {
  const size = metadata.shapeOf('blk.0.ffn_up_exps.weight')?.[1]
  return {
    num_experts: metadata.number('expert_count'),
    num_experts_per_tok: metadata.number('expert_used_count'),
    moe_intermediate_size: size ?? metadata.number('expert_feed_forward_length'),
  }
}

function sharedExpertSize(metadata: GgufMetadata): number {
  const size = metadata.shapeOf('blk.0.ffn_up_shexp.weight')?.[0]
  return size ?? metadata.number('expert_shared_feed_forward_length')
}

/** Not in the file; the largest model of each family divides by something else than its head size. */
function queryScalar(metadata: GgufMetadata, largest: number): number {
  const isLargest = metadata.number('block_count') === largest
  return isLargest ? metadata.number('embedding_length') / metadata.number('attention.head_count') : headDim(metadata)
}

/** 0.00001 is stored as the nearest float32. */
function shortest(value: number): number {
  return Number(value.toPrecision(6))
}

function simpleScaling(metadata: GgufMetadata): Config | null {
  const type = metadata.textOr('rope.scaling.type', 'none')
  if (type === 'none') return null
  const factor = metadata.number('rope.scaling.factor')
  if (type === 'linear') return { rope_type: 'linear', factor }
  if (type === 'yarn') {
    const original = metadata.numberOr('rope.scaling.original_context_length', null)
    return { rope_type: 'yarn', factor, ...(original === null ? {} : { original_max_position_embeddings: original }) }
  }
  throw new AppError(
    'unsupported',
    `${metadata.path} scales its positions by "${type}", which is not read from GGUF here.`,
  )
}

/** Llama 3.1 and later store the divisors of the frequencies; the largest is the factor, the rest is the same in all of them. */
function llamaScaling(metadata: GgufMetadata): Config | null {
  const divisors = metadata.rope('rope_freqs.weight')
  if (divisors === null || divisors.length === 0) return simpleScaling(metadata)
  return {
    rope_type: 'llama3',
    factor: Math.max(...divisors),
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  }
}

function longScaling(metadata: GgufMetadata): Config | null {
  const long = metadata.rope('rope_factors_long.weight')
  const short = metadata.rope('rope_factors_short.weight')
  return long === null || short === null ? null : { rope_type: 'longrope', long_factor: long, short_factor: short }
}
