/** What a person asks of the Hub as a job. Apart from the rest of the Hub's contract, since job records hold it. */
import { z } from 'zod'
import { quantConfigSchema } from './quant.ts'

const repoRef = z.object({
  /** owner/name */
  repo: z.string(),
  /** A branch, tag or commit. */
  revision: z.string().default('main'),
})

export const downloadRequestSchema = repoRef.extend({
  /** The commit that the revision stood for when the job was made. */
  commit: z.string().optional(),
  /** Everything in the repository, not only what this app reads. */
  allFiles: z.boolean().default(false),
})
export type DownloadRequest = z.infer<typeof downloadRequestSchema>

export const uploadRequestSchema = z.object({
  /** Of the library. */
  modelId: z.string(),
  /** owner/name */
  repo: z.string(),
  private: z.boolean().default(true),
})
export type UploadRequest = z.infer<typeof uploadRequestSchema>

/** A quantized version of a model on the Hub, made while its weights arrive. */
export const downloadQuantizeRequestSchema = repoRef.extend({
  commit: z.string().optional(),
  config: quantConfigSchema,
  /** Name of the new model; a free one is chosen when omitted. */
  name: z.string().min(1).max(120).optional(),
  /** Absolute folder for the result; default: the app's model folder. */
  outDir: z.string().optional(),
  overwrite: z.boolean().optional(),
  /** Keep the original weights in the cache too. */
  keepSource: z.boolean().default(false),
  /** Measure perplexity and speed afterwards, so that Compare has a row. */
  measure: z.boolean().default(true),
})
export type DownloadQuantizeRequest = z.infer<typeof downloadQuantizeRequestSchema>
