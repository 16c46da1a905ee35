/** The Hub as the window sees it: the account, models that can be found there, what one of them is, and the cache on this disk. */
import { z } from 'zod'
import { linearInfoSchema, modelConfigSummarySchema, tensorInfoSchema } from './domain.ts'
import { errorShapeSchema } from './errors.ts'

const bytes = z.number().nonnegative()

export const hubAccountSchema = z.object({
  endpoint: z.string(),
  /** Offline mode (HF_HUB_OFFLINE) is on. */
  offline: z.boolean(),
  cacheDir: z.string(),
  /** Where the token in use comes from; null: none. */
  tokenSource: z.enum(['environment', 'app', 'hugging-face-file']).nullable(),
  user: z.object({ name: z.string(), orgs: z.array(z.string()), tokenRole: z.string().nullable() }).nullable(),
  /** Why the Hub does not say who this is. */
  problem: errorShapeSchema.nullable(),
})
export type HubAccount = z.infer<typeof hubAccountSchema>

export const HUB_SORTS = ['downloads', 'likes', 'updated', 'trending'] as const

export const hubQuerySchema = z.object({
  text: z.string().max(200).default(''),
  author: z.string().max(100).default(''),
  sort: z.enum(HUB_SORTS).default('downloads'),
  /** Only those whose 4-bit version runs in this machine's memory. */
  fits: z.boolean().default(false),
  /** Only architectures that run here. */
  supported: z.boolean().default(false),
  quantized: z.enum(['any', 'only', 'none']).default('any'),
  /** As the Hub writes it: apache-2.0, mit, llama3.2, ...; empty: any. */
  licence: z.string().max(60).default(''),
})
export type HubQuery = z.infer<typeof hubQuerySchema>

/** How weights are stored, when that is not plain floating point. */
export const quantFormatSchema = z.object({
  /** hqq, gptq, awq, gguf, bitsandbytes, fp8, ... */
  method: z.string(),
  /** "HQQ 4-bit", "GGUF". */
  label: z.string(),
})
export type QuantFormat = z.infer<typeof quantFormatSchema>

export const hubModelSchema = z.object({
  /** owner/name */
  name: z.string(),
  private: z.boolean(),
  gated: z.enum(['no', 'auto', 'manual']),
  downloads: z.number(),
  likes: z.number(),
  updatedAt: z.string().nullable(),
  licence: z.string().nullable(),
  architecture: z.string().nullable(),
  /** What the model is for: "text-generation". */
  task: z.string().nullable(),
  parameters: z.number().nullable(),
  quantized: quantFormatSchema.nullable(),
  /** Why it cannot be quantized and run here; null when nothing speaks against it. */
  problem: z.string().nullable(),
  /** Of a 4-bit version, from the number of parameters alone; null where that is not known. */
  roughBytes: bytes.nullable(),
  fits: z.enum(['fits', 'tight', 'too-big']).nullable(),
})
export type HubModel = z.infer<typeof hubModelSchema>

export const hubFileSchema = z.object({
  path: z.string(),
  bytes,
  /** Taken by a download unless all files are asked for. */
  needed: z.boolean(),
  cached: z.boolean(),
})
export type HubFile = z.infer<typeof hubFileSchema>

export const hubModelDetailSchema = z.object({
  model: hubModelSchema,
  page: z.string(),
  revision: z.string(),
  commit: z.string(),
  files: z.array(hubFileSchema),
  /** Of the needed files. */
  downloadBytes: bytes,
  /** Of those that are not in the cache yet. */
  missingBytes: bytes,
  freeBytes: bytes,
  /** What a download leaves free. */
  floorBytes: bytes,
  /** From config.json and the headers of the weights, so that plans can be priced; null when they cannot be read. */
  plan: z
    .object({
      config: modelConfigSummarySchema.nullable(),
      dtype: z.string(),
      parameters: z.number(),
      tensors: z.array(tensorInfoSchema),
      linears: z.array(linearInfoSchema),
      otherBytes: bytes,
    })
    .nullable(),
  /** Why files cannot be read, with what to do: a page to accept, a right that is missing. */
  problem: errorShapeSchema.nullable(),
  /** Why it can only be quantized, not run here; null when it runs. */
  runProblem: errorShapeSchema.nullable(),
  /** What reading this took from the network. */
  fetchedBytes: bytes,
  card: z.string().nullable(),
})
export type HubModelDetail = z.infer<typeof hubModelDetailSchema>

export const cachedRepoSchema = z.object({
  type: z.enum(['model', 'dataset', 'space']),
  name: z.string(),
  bytes,
  revisions: z.array(
    z.object({ commit: z.string(), refs: z.array(z.string()), bytes, files: z.number().int(), path: z.string() }),
  ),
  /** Of downloads that were not finished. */
  unfinishedBytes: bytes,
  usedAt: z.string(),
})
export type CachedRepo = z.infer<typeof cachedRepoSchema>

export const uploadPlanSchema = z.object({
  repo: z.string(),
  page: z.string(),
  /** False: it will be made. */
  exists: z.boolean(),
  private: z.boolean(),
  files: z.array(z.object({ path: z.string(), bytes, state: z.enum(['new', 'changed', 'same']) })),
  /** Of what is new or changed. */
  bytes,
  card: z.string(),
})
export type UploadPlan = z.infer<typeof uploadPlanSchema>
