/**
 * Models that see: what they are made of, pictures as requests name them, and the methods for them. A picture is read and turned
 * into pixel values by the services (electron/vision); the engine gets numbers only.
 */
import { z } from 'zod'
import { errorShapeSchema } from './errors.ts'
import { call, stream } from './method.ts'

const bytes = z.number().nonnegative()

export const TOWERS = ['vision', 'text', 'projector', 'language'] as const
/** The parts of a model that sees. Layers are shown and chosen by them. */
export const towerSchema = z.enum(TOWERS)
export type Tower = z.infer<typeof towerSchema>

export const visionSummarySchema = z.object({
  /** `clip`: pictures and texts in one space; `tower`: pictures alone; `llava`: a language model that is shown pictures. */
  kind: z.enum(['clip', 'tower', 'llava']),
  /** Pixels of a side of what the vision tower sees. */
  imageSize: z.number().int(),
  patchSize: z.number().int(),
  /** Tokens that one picture takes in a prompt; null for models that write nothing. */
  pictureTokens: z.number().int().nullable(),
  towers: z.array(
    z.object({
      id: towerSchema,
      layers: z.number().int(),
      hiddenSize: z.number().int(),
      parameters: z.number(),
      /** Of its linear layers: "bfloat16", "4-bit g64", "mixed 4/8-bit". */
      dtype: z.string(),
    }),
  ),
})
export type VisionSummary = z.infer<typeof visionSummarySchema>

/** A picture that the app keeps, named by its content. */
export const storedImageSchema = z.object({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string(),
  width: z.number().int(),
  height: z.number().int(),
  bytes,
})
export type StoredImage = z.infer<typeof storedImageSchema>

/** A picture in a request: a file of the machine the app runs on, or one that was added. */
export const imageRefSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('file'), path: z.string() }),
  z.object({ kind: z.literal('stored'), id: storedImageSchema.shape.id }),
])
export type ImageRef = z.infer<typeof imageRefSchema>

/** `{}` is where a label goes. */
export const promptTemplateSchema = z.string().regex(/\{\}/).max(1000)
export const DEFAULT_PROMPT_TEMPLATE = 'a photo of a {}'

/** The most pictures one request may name. */
export const MAX_IMAGES = 10_000

const images = z.array(imageRefSchema).max(MAX_IMAGES)
const loading = z.object({ type: z.literal('loading') })
/** This picture cannot be read; the others go on. */
const problem = z.object({ type: z.literal('problem'), index: z.number().int(), error: errorShapeSchema })

export const labelledPicturesSchema = z.object({
  /** Folder of pictures. */
  dir: z.string(),
  /** CSV `file,label` or JSON; null: each subfolder is a label. */
  labels: z.string().nullable(),
})

/** How often a model was right about a folder of pictures, picture by picture. */
export const accuracyResultSchema = z.object({
  kind: z.enum(['labels', 'questions']),
  /** Shares of `total`. `top5` is of labels only. */
  top1: z.number(),
  top5: z.number().nullable(),
  total: z.number().int(),
  results: z.array(
    z.object({
      /** Name below the folder. */
      image: z.string(),
      question: z.string().nullable(),
      expected: z.string(),
      answer: z.string(),
      /** Of the expected label among all, from 1; null for questions and for pictures that could not be read. */
      rank: z.number().int().nullable(),
      correct: z.boolean(),
    }),
  ),
  /** Pictures that could not be read; they count as wrong. */
  problems: z.array(z.object({ image: z.string(), error: errorShapeSchema })),
  /** Everything that a comparison depends on. */
  protocol: z.record(z.string(), z.union([z.string(), z.number()])),
  protocolKey: z.string(),
  seconds: z.number(),
})
export type AccuracyResult = z.infer<typeof accuracyResultSchema>
export type PictureResult = AccuracyResult['results'][number]

export const visionMethods = {
  /** Keeps a picture, so that a conversation can name it. Throws `bad-file` or `unsupported` for what is no picture. */
  'images.add': call(
    z.object({
      source: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('file'), path: z.string() }),
        z.object({ kind: z.literal('data'), name: z.string().max(255), base64: z.string() }),
      ]),
    }),
    storedImageSchema,
  ),
  'images.thumbnail': call(
    z.object({ image: imageRefSchema, size: z.number().int().min(16).max(1024).default(256) }),
    /** `data:image/webp;base64,...`, fitted into size x size, the right way up. */
    z.object({ dataUrl: z.string(), width: z.number().int(), height: z.number().int() }),
  ),
  /** The pictures of a folder and of the folders in it, by name, with their labels where there are any. */
  'images.list': call(
    z.object({ dir: z.string(), labels: z.string().nullable().default(null) }),
    z.object({
      images: z.array(z.object({ path: z.string(), name: z.string(), bytes, label: z.string().nullable() })),
      /** All labels, each once. */
      labels: z.array(z.string()),
    }),
  ),
  /** Zero-shot: which of the labels each picture shows. */
  'vision.classify': stream(
    z.object({
      modelId: z.string(),
      images,
      labels: z.array(z.string().min(1)).min(1).max(2000),
      template: promptTemplateSchema.default(DEFAULT_PROMPT_TEMPLATE),
    }),
    z.discriminatedUnion('type', [
      loading,
      problem,
      z.object({
        type: z.literal('image'),
        index: z.number().int(),
        /** One per label. */
        logits: z.array(z.number()),
        probabilities: z.array(z.number()),
      }),
    ]),
    z.object({ prompts: z.array(z.string()), seconds: z.number() }),
  ),
  /** How often a model is right about a folder; kept as measurements that Compare shows. */
  'vision.accuracy': stream(
    labelledPicturesSchema.extend({
      modelId: z.string(),
      template: promptTemplateSchema.default(DEFAULT_PROMPT_TEMPLATE),
    }),
    z.object({ done: z.number().int(), total: z.number().int() }),
    accuracyResultSchema,
    () => 'progress',
  ),
  /** The labelled pictures that come with the app: labels for the first, questions for the second. */
  'vision.samples': call(
    z.object({}),
    z.object({ samples: z.object({ dir: z.string(), labels: z.string(), questions: z.string() }).nullable() }),
  ),
  /** Embeddings of unit length. */
  'vision.embed': stream(
    z.object({ modelId: z.string(), images, texts: z.array(z.string().min(1)).max(2000) }),
    z.discriminatedUnion('type', [
      loading,
      problem,
      z.object({ type: z.literal('image'), index: z.number().int(), embedding: z.array(z.number()) }),
    ]),
    z.object({ texts: z.array(z.array(z.number())), size: z.number().int(), seconds: z.number() }),
  ),
  /** The pictures most like a text or another picture. Embeddings of files are remembered until the files change. */
  'vision.search': stream(
    z.object({
      modelId: z.string(),
      images,
      query: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('text'), text: z.string().min(1) }),
        z.object({ kind: z.literal('image'), image: imageRefSchema }),
      ]),
      limit: z.number().int().min(1).max(1000).default(50),
    }),
    z.discriminatedUnion('type', [
      loading,
      problem,
      z.object({ type: z.literal('progress'), done: z.number().int(), total: z.number().int() }),
    ]),
    /** Cosines, best first. */
    z.object({ hits: z.array(z.object({ index: z.number().int(), similarity: z.number() })) }),
    (event) => (event.type === 'progress' ? 'progress' : null),
  ),
} as const
