/**
 * What a model wants done to a picture, from preprocessor_config.json (transformers), processor_config.json (newer files), or
 * timm's pretrained_cfg; CLIP's usual steps where a folder says nothing.
 */
import { z } from 'zod'
import { AppError } from '../contract/errors.ts'
import { FILTER_NUMBERS, type FilterName } from './resample.ts'

export interface Preprocessing {
  /** Filled up to a square with this colour first; null: not. */
  padColour: readonly number[] | null
  resize: { to: { shortest: number } | { width: number; height: number }; filter: FilterName } | null
  /** Cut out of the middle; `evenRounding`: a half pixel goes to the even side (timm), else to the top left. */
  crop: { width: number; height: number; evenRounding: boolean } | null
  /** value * scale, minus mean, over std; by channel. */
  scale: number
  mean: readonly number[]
  std: readonly number[]
}

const CLIP_MEAN = [0.481_454_66, 0.457_827_5, 0.408_210_73]
const CLIP_STD = [0.268_629_54, 0.261_302_58, 0.275_777_11]

const side = z.number().int().min(1).max(4096)
const triple = z.array(z.number()).length(3)
const sizeSchema = z.union([
  side.transform((shortest_edge) => ({ shortest_edge })),
  z.object({ shortest_edge: side }),
  z.object({ height: side, width: side }),
])
const cropSchema = z.union([
  side.transform((value) => ({ height: value, width: value })),
  z.object({ height: side, width: side }),
])
const transformersSchema = z.looseObject({
  image_processor_type: z.string().nullish(),
  do_resize: z.boolean().nullish(),
  size: sizeSchema.nullish(),
  resample: z.number().int().min(0).max(5).nullish(),
  do_center_crop: z.boolean().nullish(),
  crop_size: cropSchema.nullish(),
  do_rescale: z.boolean().nullish(),
  rescale_factor: z.number().nullish(),
  do_normalize: z.boolean().nullish(),
  image_mean: triple.nullish(),
  image_std: triple.nullish(),
  do_pad: z.boolean().nullish(),
})

const timmSchema = z.looseObject({
  input_size: z.tuple([z.literal(3), side, side]),
  interpolation: z.enum(['bicubic', 'bilinear', 'nearest', 'lanczos']).nullish(),
  crop_pct: z.number().positive().max(1).nullish(),
  crop_mode: z.enum(['center', 'squash']).nullish(),
  mean: triple.nullish(),
  std: triple.nullish(),
})

export interface PreprocessorFiles {
  /** Contents of preprocessor_config.json or of processor_config.json's image_processor; null without. */
  processor: Record<string, unknown> | null
  /** config.json's pretrained_cfg, of timm's models. */
  pretrained: unknown
  /** Pixels of a side that the tower was trained on. */
  imageSize: number
}

/** Throws `bad-file` for a field that makes no sense, `unsupported` for a processor of another kind. */
export function preprocessingOf({ processor, pretrained, imageSize }: PreprocessorFiles): Preprocessing {
  if (processor !== null)
    return ofTransformers(parse(transformersSchema, processor, 'preprocessor_config.json'), imageSize)
  if (pretrained !== undefined) return ofTimm(parse(timmSchema, pretrained, 'config.json: pretrained_cfg'))
  return ofTransformers({}, imageSize)
}

/** Processors whose steps are these; the fast ones do the same. */
const KNOWN_PROCESSORS = /^(CLIP|Llava|ViT|Siglip)(ImageProcessor|FeatureExtractor)(Fast)?$/

function ofTransformers(config: z.infer<typeof transformersSchema>, imageSize: number): Preprocessing {
  const kind = config.image_processor_type
  if (kind != null && !KNOWN_PROCESSORS.test(kind)) {
    throw new AppError('unsupported', `Pictures for the processor ${kind} cannot be prepared here.`)
  }
  const mean = config.image_mean ?? CLIP_MEAN
  const size = config.size ?? { shortest_edge: imageSize }
  const crop = config.crop_size ?? { height: imageSize, width: imageSize }
  const normalizes = config.do_normalize ?? true
  const to = 'shortest_edge' in size ? { shortest: size.shortest_edge } : { width: size.width, height: size.height }
  const crops = config.do_center_crop ?? 'shortest_edge' in size
  return {
    padColour: config.do_pad === true ? mean.map((value) => Math.trunc(value * 255)) : null,
    resize: (config.do_resize ?? true) ? { to, filter: FILTER_NUMBERS[config.resample ?? 3] ?? 'bicubic' } : null,
    crop: crops ? { ...crop, evenRounding: false } : null,
    scale: (config.do_rescale ?? true) ? (config.rescale_factor ?? 1 / 255) : 1,
    mean: normalizes ? mean : [0, 0, 0],
    std: normalizes ? (config.image_std ?? CLIP_STD) : [1, 1, 1],
  }
}

function ofTimm(config: z.infer<typeof timmSchema>): Preprocessing {
  const [, height, width] = config.input_size
  const share = config.crop_pct ?? 1
  const filter = config.interpolation ?? 'bicubic'
  const squash = config.crop_mode === 'squash' || height !== width
  const to = squash
    ? { width: Math.floor(width / share), height: Math.floor(height / share) }
    : { shortest: Math.floor(height / share) }
  return {
    padColour: null,
    resize: { to, filter },
    crop: { width, height, evenRounding: true },
    scale: 1 / 255,
    mean: config.mean ?? CLIP_MEAN,
    std: config.std ?? CLIP_STD,
  }
}

function parse<T extends z.ZodType>(schema: T, value: unknown, file: string): z.infer<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const field = parsed.error.issues[0]?.path.join('.') ?? ''
  throw new AppError('bad-file', `${file} has no usable "${field}". Download it again.`)
}
