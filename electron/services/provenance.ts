/**
 * hqq-studio.json, which the app puts into every folder it makes: where the model came from and what each tensor got. Nothing in
 * it depends on when or how fast it was made, so that the same request gives the same bytes, resumed or not.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { quantConfigSchema, quantSpecSchema } from '../contract/quant.ts'
import { readJsonObject } from './model-config.ts'

export const PROVENANCE_FILE = 'hqq-studio.json'

const verdictSchema = z.object({ ok: z.boolean(), reason: z.string() })

export const provenanceSchema = z.object({
  format: z.literal(1),
  engineVersion: z.string(),
  source: z.object({
    path: z.string(),
    /** SHA-256 of config.json. */
    configSha256: z.string(),
    weights: z.array(
      z.object({
        file: z.string(),
        bytes: z.number(),
        headerSha256: z.string(),
        /** Of the whole file; null for files too large to hash in passing. */
        sha256: z.string().nullable(),
      }),
    ),
  }),
  config: quantConfigSchema,
  tensors: z.array(
    z.object({
      name: z.string(),
      spec: quantSpecSchema,
      decidedBy: z.string(),
      meanAbsError: z.number(),
      relativeError: z.number(),
      iterations: z.number().int(),
      bytes: z.number(),
    }),
  ),
  /** Everything the app wrote into the folder, so that it can remove exactly that. */
  files: z.array(z.string()),
  /** Which programs read the folder, with the reason when one does not. */
  loadsIn: z.record(z.string(), verdictSchema),
})
export type Provenance = z.infer<typeof provenanceSchema>

/** Null for a folder that the app did not make, or whose record was damaged. */
export async function readProvenance(dir: string): Promise<Provenance | null> {
  const raw = await readJsonObject(join(dir, PROVENANCE_FILE)).catch(() => null)
  const parsed = provenanceSchema.safeParse(raw)
  return parsed.success ? parsed.data : null
}
