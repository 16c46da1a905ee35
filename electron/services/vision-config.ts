/** What config.json says of a model that sees: its kind, the sizes of its towers, and how pictures enter a prompt. */
import { z } from 'zod'
import { AppError } from '../contract/errors.ts'
import type { Tower, VisionSummary } from '../contract/vision.ts'
import { FAMILIES } from '../plan/families.ts'

export interface VisionConfig {
  kind: VisionSummary['kind']
  imageSize: number
  patchSize: number
  towers: { id: Tower; layers: number; hiddenSize: number }[]
  /** How pictures enter a prompt; null for models that write nothing. */
  prompt: { pictureId: number; keepsClassToken: boolean } | null
  /** The language model's own configuration. */
  text: { architecture: string; modelType: string; raw: Record<string, unknown> } | null
  /** timm's description of what pictures go through. */
  pretrained: unknown
}

const count = z.number().int().positive()
/** Defaults are those of transformers' classes. */
const visionTowerSchema = z.looseObject({
  image_size: count.default(224),
  patch_size: count.default(32),
  num_hidden_layers: count.default(12),
  hidden_size: count.default(768),
})
const textTowerSchema = z.looseObject({ num_hidden_layers: count.default(12), hidden_size: count.default(512) })
const clipSchema = z.looseObject({ vision_config: visionTowerSchema, text_config: textTowerSchema })
const llavaSchema = z.looseObject({
  vision_config: visionTowerSchema,
  text_config: z.looseObject({ architectures: z.array(z.string()).nullish(), model_type: z.string().nullish() }),
  image_token_index: z.number().int().nonnegative().nullish(),
  image_token_id: z.number().int().nonnegative().nullish(),
  vision_feature_select_strategy: z.string().nullish(),
})
const timmSchema = z.looseObject({ architecture: z.string().regex(/^vit_\w*_clip/), pretrained_cfg: z.unknown() })

/** Null for a model that sees nothing. Throws `bad-file` for one whose sizes make no sense. */
export function visionConfigOf(raw: Record<string, unknown>, architecture: string, path: string): VisionConfig | null {
  const parse = <T extends z.ZodType>(schema: T): z.infer<T> => {
    const parsed = schema.safeParse(raw)
    if (parsed.success) return parsed.data
    const field = parsed.error.issues[0]?.path.join('.') ?? ''
    throw new AppError('bad-file', `${path} lacks a usable "${field}". Download it again.`)
  }
  if (timmSchema.safeParse(raw).success) return timmConfig(parse(timmSchema))
  switch (architecture) {
    case 'CLIPModel':
      return clipConfig(parse(clipSchema))
    case 'CLIPVisionModel':
    case 'CLIPVisionModelWithProjection':
      return { ...towerConfig(parse(visionTowerSchema)), kind: 'tower' }
    case 'LlavaForConditionalGeneration':
      return llavaConfig(parse(llavaSchema))
    default:
      return null
  }
}

function towerConfig(tower: z.infer<typeof visionTowerSchema>): VisionConfig {
  return {
    kind: 'tower',
    imageSize: tower.image_size,
    patchSize: tower.patch_size,
    towers: [{ id: 'vision', layers: tower.num_hidden_layers, hiddenSize: tower.hidden_size }],
    prompt: null,
    text: null,
    pretrained: undefined,
  }
}

function clipConfig({ vision_config, text_config }: z.infer<typeof clipSchema>): VisionConfig {
  const vision = towerConfig(vision_config)
  const { num_hidden_layers: layers, hidden_size: hiddenSize } = text_config
  return { ...vision, kind: 'clip', towers: [...vision.towers, { id: 'text', layers, hiddenSize }] }
}

/** The first LLaVA files name little more of the language model than its class: the defaults of that class hold. */
const TEXT_DEFAULTS: Readonly<Record<string, Record<string, number>>> = {
  llama: {
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: 11_008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
  },
  mistral: {
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: 14_336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
  },
}

function llavaConfig(config: z.infer<typeof llavaSchema>): VisionConfig {
  const vision = towerConfig(config.vision_config)
  const modelType = config.text_config.model_type ?? 'llama'
  const raw = { ...TEXT_DEFAULTS[modelType], ...config.text_config }
  const architecture = config.text_config.architectures?.[0] ?? architectureOf(modelType)
  const number = (key: string) => count.catch(1).parse(raw[key as keyof typeof raw])
  const language = { layers: number('num_hidden_layers'), hiddenSize: number('hidden_size') }
  return {
    ...vision,
    kind: 'llava',
    towers: [
      ...vision.towers,
      { id: 'projector', layers: 2, hiddenSize: language.hiddenSize },
      { id: 'language', ...language },
    ],
    prompt: {
      pictureId: config.image_token_index ?? config.image_token_id ?? -1,
      keepsClassToken: config.vision_feature_select_strategy === 'full',
    },
    text: { architecture, modelType, raw },
  }
}

/** "qwen2_moe" is Qwen2MoeForCausalLM's. */
function architectureOf(modelType: string): string {
  const plain = modelType.replace(/_text$/, '').replaceAll('_', '')
  const named = (architecture: string) => architecture.replace(/ForCausalLM$/, '').toLowerCase()
  return FAMILIES.find(({ architecture }) => named(architecture) === plain)?.architecture ?? modelType
}

/** Sizes are in the tensors; what the name says is enough until they are read. */
function timmConfig({ architecture, pretrained_cfg }: z.infer<typeof timmSchema>): VisionConfig {
  const number = (pattern: RegExp, fallback: number) => Number(pattern.exec(architecture)?.[1] ?? fallback)
  return {
    ...towerConfig(visionTowerSchema.parse({})),
    patchSize: number(/_patch(\d+)/, 16),
    imageSize: number(/_(\d{3})(?:\D|$)/, 224),
    pretrained: pretrained_cfg,
  }
}
