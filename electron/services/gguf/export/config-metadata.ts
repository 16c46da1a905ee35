/** What config.json says, in the keys of llama.cpp. A field that its code has no equal of is refused, never left out. */
import { z } from 'zod'
import type { ModelConfigSummary } from '../../../contract/domain.ts'
import { AppError } from '../../../contract/errors.ts'
import type { RawConfig } from '../../model-config.ts'
import { f32, type GgufEntry, type GgufFactors, text, u32 } from './metadata.ts'
import { ropeMetadata } from './rope-metadata.ts'

export interface GgufConfig {
  /** As llama.cpp names it; the engine's table of tensor names has the same names. */
  architecture: string
  metadata: GgufEntry[]
  factors: GgufFactors[]
}

interface Target {
  architecture: string
  activation: readonly string[]
  /** Windows are written (`key`), cut the context to where they have no effect (`context`), or are refused. */
  window: 'key' | 'context' | 'none'
}

const SILU = ['silu', 'swish']
const GELU = ['gelu_pytorch_tanh']
const TARGETS: Readonly<Record<string, Target>> = {
  LlamaForCausalLM: { architecture: 'llama', activation: SILU, window: 'none' },
  MistralForCausalLM: { architecture: 'llama', activation: SILU, window: 'context' },
  Qwen2ForCausalLM: { architecture: 'qwen2', activation: SILU, window: 'none' },
  Qwen3ForCausalLM: { architecture: 'qwen3', activation: SILU, window: 'none' },
  Phi3ForCausalLM: { architecture: 'phi3', activation: SILU, window: 'context' },
  GemmaForCausalLM: { architecture: 'gemma', activation: [...GELU, 'gelu'], window: 'none' },
  Gemma2ForCausalLM: { architecture: 'gemma2', activation: GELU, window: 'key' },
  Gemma3ForCausalLM: { architecture: 'gemma3', activation: GELU, window: 'key' },
}

const fieldsSchema = z.looseObject({
  rms_norm_eps: z.number().positive().nullish(),
  hidden_act: z.string().nullish(),
  hidden_activation: z.string().nullish(),
  attn_logit_softcapping: z.number().nullish(),
  final_logit_softcapping: z.number().nullish(),
  query_pre_attn_scalar: z.number().nullish(),
})

/** Throws `unsupported` for a model that llama.cpp would run otherwise than config.json says. */
export function configMetadata(raw: RawConfig, summary: ModelConfigSummary): GgufConfig {
  const target = TARGETS[summary.architecture]
  if (target === undefined) {
    const known = Object.keys(TARGETS).join(', ')
    throw refused(`models of the class ${summary.architecture} (these can be: ${known})`)
  }
  const fields = fieldsSchema.parse(raw)
  checkActivation(fields, target)
  const { architecture } = target
  const key = (name: string) => `${architecture}.${name}`
  const rope = ropeMetadata(raw, summary, architecture)
  const metadata = [
    text('general.architecture', architecture),
    u32('general.quantization_version', 2),
    u32(key('context_length'), contextOf(summary, target)),
    u32(key('embedding_length'), summary.hiddenSize),
    u32(key('block_count'), summary.layers),
    u32(key('feed_forward_length'), summary.intermediateSize),
    u32(key('attention.head_count'), summary.heads),
    u32(key('attention.head_count_kv'), summary.kvHeads),
    u32(key('attention.key_length'), summary.headDim),
    u32(key('attention.value_length'), summary.headDim),
    f32(key('attention.layer_norm_rms_epsilon'), fields.rms_norm_eps ?? 1e-6),
    u32(key('vocab_size'), summary.vocabSize),
    ...rope.metadata,
    ...windowOf(summary, target, key),
    ...capsOf(fields, summary, architecture, key),
  ]
  return { architecture, metadata, factors: rope.factors }
}

type Fields = z.infer<typeof fieldsSchema>

function checkActivation(fields: Fields, { activation }: Target): void {
  const named = fields.hidden_activation ?? fields.hidden_act
  if (named != null && !activation.includes(named)) throw refused(`the activation "${named}" in this architecture`)
}

function contextOf({ contextLength, sliding }: ModelConfigSummary, { window }: Target): number {
  return window === 'context' && sliding !== undefined ? Math.min(contextLength, sliding.window) : contextLength
}

function windowOf({ sliding }: ModelConfigSummary, { window }: Target, key: (name: string) => string): GgufEntry[] {
  if (sliding === undefined || window === 'context') return []
  if (window === 'none') throw refused('sliding windows in this architecture')
  return [u32(key('attention.sliding_window'), sliding.window)]
}

/** Gemma's: llama.cpp derives the scale of scores from the head's size, so another one cannot be said. */
function capsOf(
  fields: Fields,
  { headDim }: ModelConfigSummary,
  architecture: string,
  key: (name: string) => string,
): GgufEntry[] {
  if (architecture !== 'gemma2' && architecture !== 'gemma3') return []
  const scalar = fields.query_pre_attn_scalar ?? 256
  if (scalar !== headDim)
    throw refused(`a query_pre_attn_scalar (${scalar}) that is not the size of a head (${headDim})`)
  if (architecture === 'gemma3') return []
  const caps = [fields.attn_logit_softcapping, fields.final_logit_softcapping]
  if (caps.includes(null)) throw refused('Gemma 2 without soft caps')
  return [
    f32(key('attn_logit_softcapping'), fields.attn_logit_softcapping ?? 50),
    f32(key('final_logit_softcapping'), fields.final_logit_softcapping ?? 30),
  ]
}

export function refused(what: string): AppError {
  return new AppError('unsupported', `llama.cpp's GGUF has no room for ${what}. Keep the model as safetensors.`)
}
