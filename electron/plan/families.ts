/**
 * The model families that the engine runs, and what estimates need to know of them beyond the sizes in config.json. The
 * tables of native/model/families are the original; a test compares the names.
 */

/** Which layers see only a window of the last tokens. */
export type WindowRule = 'none' | 'all' | 'from-layer' | 'pattern' | 'unrotated'

export interface FamilyFacts {
  readonly architecture: string
  /** Defaults of fields that config.json may leave out. */
  readonly headDim?: number
  readonly contextLength?: number
  readonly tied?: boolean
  readonly windows?: WindowRule
  readonly window?: number
  /** Every n-th layer has no window (`pattern`), or is not rotated (`unrotated`). */
  readonly interval?: number
  /** False where the MLP is one matrix in, one out. */
  readonly gated?: boolean
  /** Fields that describe a mixture of experts. */
  readonly experts?: {
    readonly countKey: string
    readonly count: number
    readonly perToken: number
    readonly sizeKey: string
  }
}

const QWEN_WINDOWS = { windows: 'from-layer', window: 4096, contextLength: 32_768 } as const

export const FAMILIES: readonly FamilyFacts[] = [
  { architecture: 'LlamaForCausalLM' },
  { architecture: 'MistralForCausalLM', windows: 'all', window: 4096, contextLength: 131_072 },
  {
    architecture: 'MixtralForCausalLM',
    windows: 'all',
    contextLength: 131_072,
    experts: { countKey: 'num_local_experts', count: 8, perToken: 2, sizeKey: 'intermediate_size' },
  },
  { architecture: 'PhiForCausalLM', gated: false },
  { architecture: 'Phi3ForCausalLM', windows: 'all', contextLength: 4096 },
  { architecture: 'Qwen2ForCausalLM', ...QWEN_WINDOWS },
  {
    architecture: 'Qwen2MoeForCausalLM',
    ...QWEN_WINDOWS,
    experts: { countKey: 'num_experts', count: 60, perToken: 4, sizeKey: 'moe_intermediate_size' },
  },
  { architecture: 'Qwen3ForCausalLM', ...QWEN_WINDOWS, headDim: 128 },
  {
    architecture: 'Qwen3MoeForCausalLM',
    ...QWEN_WINDOWS,
    experts: { countKey: 'num_experts', count: 128, perToken: 8, sizeKey: 'moe_intermediate_size' },
  },
  { architecture: 'GemmaForCausalLM', headDim: 256, tied: true, contextLength: 8192 },
  {
    architecture: 'Gemma2ForCausalLM',
    headDim: 256,
    tied: true,
    contextLength: 8192,
    windows: 'pattern',
    window: 4096,
    interval: 2,
  },
  {
    architecture: 'Gemma3ForCausalLM',
    headDim: 256,
    tied: true,
    contextLength: 131_072,
    windows: 'pattern',
    window: 4096,
    interval: 6,
  },
  { architecture: 'SmolLM3ForCausalLM', tied: true, contextLength: 32_768, windows: 'unrotated', interval: 4 },
  { architecture: 'Olmo2ForCausalLM' },
]

/** Models that see, as the engine knows them (native/model/vision_config.cpp); `vit_*_clip_*` of timm name no class. */
export const SEEING_ARCHITECTURES = [
  'CLIPModel',
  'CLIPVisionModelWithProjection',
  'CLIPVisionModel',
  'LlavaForConditionalGeneration',
] as const

/** Whether the engine runs models of this class, for texts or for pictures. */
export function isRunnable(architecture: string): boolean {
  return familyOf(architecture) !== null || SEEING_ARCHITECTURES.some((known) => known === architecture)
}

export function familyOf(architecture: string): FamilyFacts | null {
  return FAMILIES.find((family) => family.architecture === architecture) ?? null
}
