/** Rotary settings of config.json in the keys of llama.cpp; what scales single frequencies becomes a tensor of factors. */
import { z } from 'zod'
import type { ModelConfigSummary } from '../../../contract/domain.ts'
import { AppError } from '../../../contract/errors.ts'
import type { RawConfig } from '../../model-config.ts'
import { f32, type GgufEntry, type GgufFactors, text, u32 } from './metadata.ts'

const positive = z.number().positive()
const scalingSchema = z.looseObject({
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: positive.nullish(),
  factor: positive.nullish(),
  low_freq_factor: positive.nullish(),
  high_freq_factor: positive.nullish(),
  original_max_position_embeddings: positive.nullish(),
  short_factor: z.array(positive).nullish(),
  long_factor: z.array(positive).nullish(),
  attention_factor: positive.nullish(),
})
const fieldsSchema = z.looseObject({
  rope_theta: positive.nullish(),
  partial_rotary_factor: positive.max(1).nullish(),
  original_max_position_embeddings: positive.nullish(),
  rope_scaling: scalingSchema.nullish(),
  rope_parameters: scalingSchema.nullish(),
})
type Scaling = z.infer<typeof scalingSchema>

const DEFAULT_THETA: Readonly<Record<string, number>> = { gemma3: 1e6 }

export interface RopeMetadata {
  metadata: GgufEntry[]
  factors: GgufFactors[]
}

/** Throws `unsupported` for a scaling that cannot be said. */
export function ropeMetadata(raw: RawConfig, summary: ModelConfigSummary, architecture: string): RopeMetadata {
  const fields = fieldsSchema.parse(raw)
  const scaling: Scaling = fields.rope_parameters ?? fields.rope_scaling ?? {}
  const theta = scaling.rope_theta ?? fields.rope_theta ?? DEFAULT_THETA[architecture] ?? 10_000
  const dimensions = Math.floor(summary.headDim * (fields.partial_rotary_factor ?? 1))
  const key = (name: string) => `${architecture}.rope.${name}`
  const metadata = [f32(key('freq_base'), theta), u32(key('dimension_count'), dimensions)]
  const trained = scaling.original_max_position_embeddings ?? fields.original_max_position_embeddings
  const type = scaling.rope_type ?? scaling.type ?? 'default'
  switch (type) {
    case 'default':
      return { metadata, factors: [] }
    case 'linear':
      metadata.push(text(key('scaling.type'), 'linear'), f32(key('scaling.factor'), scaling.factor ?? 1))
      return { metadata, factors: [] }
    case 'llama3':
      return { metadata, factors: [{ name: 'rope_freqs.weight', values: llama3Factors(scaling, theta, dimensions) }] }
    case 'longrope':
    case 'su':
      if (architecture === 'phi3') return longrope(scaling, summary, trained ?? null, metadata, key)
  }
  throw new AppError(
    'unsupported',
    `llama.cpp's GGUF has no room for the rope type "${type}" in this architecture. Keep the model as safetensors.`,
  )
}

/** Wavelengths above the trained context are stretched, short ones are not, those between in between (Llama 3.1). */
function llama3Factors(scaling: Scaling, theta: number, dimensions: number): number[] {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: trained } = scaling
  const [stretch, slow, fast, context] = [factor ?? 8, low ?? 1, high ?? 4, trained ?? 8192]
  return Array.from({ length: dimensions / 2 }, (_, pair) => {
    const turns = (context * theta ** ((-2 * pair) / dimensions)) / (2 * Math.PI)
    if (turns > fast) return 1
    if (turns < slow) return stretch
    const share = (turns - slow) / (fast - slow)
    return 1 / ((1 - share) / stretch + share)
  })
}

function longrope(
  scaling: Scaling,
  summary: ModelConfigSummary,
  trained: number | null,
  metadata: GgufEntry[],
  key: (name: string) => string,
): RopeMetadata {
  const { short_factor: short, long_factor: long } = scaling
  if (short == null || long == null || trained === null) {
    throw new AppError('bad-file', 'config.json names longrope without its factors. Download the model again.')
  }
  const ratio = summary.contextLength / trained
  const derived = ratio <= 1 ? 1 : Math.sqrt(1 + Math.log(ratio) / Math.log(trained))
  metadata.push(
    u32(key('scaling.original_context_length'), trained),
    f32(key('scaling.attn_factor'), scaling.attention_factor ?? derived),
  )
  const factors = [
    { name: 'rope_factors_short.weight', values: short },
    { name: 'rope_factors_long.weight', values: long },
  ]
  return { metadata, factors }
}
