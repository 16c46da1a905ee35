/** What config.json says of a model's shape, with what its family leaves out filled in. */
import { z } from 'zod'
import type { ModelConfigSummary } from '../contract/domain.ts'
import { type FamilyFacts, familyOf } from '../plan/families.ts'

const count = z.number().int().positive()
const shapeSchema = z.looseObject({
  num_hidden_layers: count,
  hidden_size: count,
  intermediate_size: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  vocab_size: count,
  max_position_embeddings: count.nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: count.nullish(),
  max_window_layers: z.number().int().nonnegative().nullish(),
  sliding_window_pattern: count.nullish(),
  layer_types: z.array(z.string()).nullish(),
  no_rope_layers: z.array(z.number()).nullish(),
  no_rope_layer_interval: count.nullish(),
  num_experts_per_tok: count.nullish(),
})
type Shape = z.infer<typeof shapeSchema>

/** Names that older model code used for the same fields. */
const OTHER_KEYS: readonly (readonly [key: string, other: string])[] = [
  ['hidden_size', 'n_embd'],
  ['num_hidden_layers', 'n_layer'],
  ['num_attention_heads', 'n_head'],
  ['num_key_value_heads', 'n_head_kv'],
  ['intermediate_size', 'n_inner'],
  ['max_position_embeddings', 'n_positions'],
]

/** `summary` is null when the file lacks what the app needs to know; `error` says what. */
export function summaryOf(
  architecture: string,
  modelType: string,
  raw: Record<string, unknown>,
): { summary: ModelConfigSummary | null; error: z.ZodError | null } {
  const parsed = shapeSchema.safeParse(withKnownKeys(raw))
  if (!parsed.success) return { summary: null, error: parsed.error }
  const shape = parsed.data
  const family = familyOf(architecture)
  const sliding = family === null ? undefined : slidingOf(family, shape)
  const experts = family === null ? undefined : expertsOf(family, shape)
  const summary = {
    architecture,
    modelType,
    layers: shape.num_hidden_layers,
    hiddenSize: shape.hidden_size,
    intermediateSize: shape.intermediate_size,
    heads: shape.num_attention_heads,
    kvHeads: shape.num_key_value_heads ?? shape.num_attention_heads,
    headDim: shape.head_dim ?? family?.headDim ?? Math.floor(shape.hidden_size / shape.num_attention_heads),
    vocabSize: shape.vocab_size,
    contextLength: shape.max_position_embeddings ?? family?.contextLength ?? 2048,
    tiedEmbeddings: shape.tie_word_embeddings ?? family?.tied ?? false,
    ...(family?.gated === false ? { gatedMlp: false } : {}),
    ...(sliding === undefined ? {} : { sliding }),
    ...(experts === undefined ? {} : { experts }),
  }
  return { summary, error: null }
}

function withKnownKeys(raw: Record<string, unknown>): Record<string, unknown> {
  const known = { ...raw }
  for (const [key, other] of OTHER_KEYS) known[key] ??= raw[other]
  const { hidden_size: width, intermediate_size: mlp } = known
  return mlp == null && typeof width === 'number' ? { ...known, intermediate_size: 4 * width } : known
}

/** How many layers have a window, as native/model/config.cpp decides it. */
function slidingOf(family: FamilyFacts, shape: Shape): ModelConfigSummary['sliding'] {
  const rule = family.windows ?? 'none'
  const optional = rule === 'from-layer' || rule === 'unrotated'
  if (rule === 'none' || (optional && shape.use_sliding_window !== true)) return undefined
  const window = shape.sliding_window === undefined ? family.window : shape.sliding_window
  if (window == null) return undefined
  const all = Array.from({ length: shape.num_hidden_layers }, (_, layer) => layer)
  const layers = all.filter((layer) => hasWindow(rule, family, shape, layer)).length
  return layers === 0 ? undefined : { window, layers }
}

function hasWindow(rule: string, family: FamilyFacts, shape: Shape, layer: number): boolean {
  if (rule === 'all') return true
  if (shape.layer_types != null) return shape.layer_types[layer] === 'sliding_attention'
  if (rule === 'from-layer') return layer >= (shape.max_window_layers ?? 28)
  if (rule === 'pattern') return (layer + 1) % (shape.sliding_window_pattern ?? family.interval ?? 1) !== 0
  if (shape.no_rope_layers != null) return shape.no_rope_layers[layer] === 0
  return (layer + 1) % (shape.no_rope_layer_interval ?? family.interval ?? 1) === 0
}

function expertsOf(family: FamilyFacts, shape: Shape): ModelConfigSummary['experts'] {
  if (family.experts === undefined) return undefined
  const { countKey, count: usual, perToken, sizeKey } = family.experts
  const number = (key: string, fallback: number) => count.catch(fallback).parse(shape[key])
  return {
    count: number(countKey, usual),
    perToken: shape.num_experts_per_tok ?? perToken,
    intermediateSize: number(sizeKey, shape.intermediate_size),
  }
}
