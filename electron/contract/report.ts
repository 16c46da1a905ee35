/** A report on one model: what it is, what each tensor got, what that costs and how good it is. The format of report files in JSON. */
import { z } from 'zod'
import { answerSchema, promptSchema } from './difference.ts'
import { measurementSchema, memoryPartsSchema } from './domain.ts'
import { quantConfigSchema, quantSpecSchema } from './quant.ts'

const bytes = z.number().nonnegative()

export const REPORT_FORMATS = ['html', 'md', 'json'] as const
export const reportFormatSchema = z.enum(REPORT_FORMATS)
export type ReportFormat = z.infer<typeof reportFormatSchema>

/** One of the models that a report is about. */
export const reportModelSchema = z.object({
  name: z.string(),
  path: z.string(),
  architecture: z.string().nullable(),
  parameters: z.number(),
  /** "bfloat16", "4-bit g64", "mixed 2/4-bit" */
  precision: z.string(),
  /** Over the quantized layers, scales and zeros included; null where none is quantized. */
  bitsPerWeight: z.number().nullable(),
  fileBytes: bytes,
  memory: z.object({
    contextLength: z.number().int(),
    predicted: memoryPartsSchema,
    measured: memoryPartsSchema.nullable(),
  }),
  measurements: z.array(measurementSchema),
})
export type ReportModel = z.infer<typeof reportModelSchema>

export const reportTensorSchema = z.object({
  /** Module name. */
  name: z.string(),
  /** [out, in] */
  shape: z.tuple([z.number().int(), z.number().int()]),
  /** Null: kept as it was. */
  spec: quantSpecSchema.nullable(),
  dtype: z.string(),
  bytes,
  bitsPerWeight: z.number(),
  /** The rule or base choice that decided, when it is on record. */
  decidedBy: z.string().nullable(),
  /** mean |W' - W| / mean |W|, when it is on record. */
  relativeError: z.number().nullable(),
  seconds: z.number().nullable(),
})
export type ReportTensor = z.infer<typeof reportTensorSchema>

export const reportSampleSchema = z.object({
  prompt: promptSchema,
  /** Of the original first, when there is one; then of the model. */
  answers: z.array(answerSchema),
})
export type ReportSample = z.infer<typeof reportSampleSchema>

export const reportSchema = z.object({
  format: z.literal('hqq-studio-report'),
  version: z.literal(1),
  at: z.string(),
  model: reportModelSchema,
  original: reportModelSchema.nullable(),
  /** How it was made, when the app made it. */
  made: z
    .object({
      config: quantConfigSchema,
      engineVersion: z.string(),
      source: z.string(),
      sourceConfigSha256: z.string(),
      sourceWeights: z.array(z.object({ file: z.string(), bytes, sha256: z.string().nullable() })),
      seconds: z.number().nullable(),
      peakBytes: bytes.nullable(),
      loadsIn: z.record(z.string(), z.object({ ok: z.boolean(), reason: z.string() })),
    })
    .nullable(),
  tensors: z.array(reportTensorSchema),
  samples: z.array(reportSampleSchema),
  hardware: z.object({
    cpu: z.string(),
    cores: z.number().int(),
    threads: z.number().int(),
    simd: z.string(),
    memoryBytes: bytes,
    gpus: z.array(z.object({ name: z.string(), memoryBytes: bytes })),
    system: z.string(),
  }),
  versions: z.object({ app: z.string(), engine: z.string(), node: z.string() }),
  /** Shell commands that make and measure it again, in order. */
  commands: z.array(z.string()),
})
export type Report = z.infer<typeof reportSchema>

export const reportRequestSchema = z.object({
  modelId: z.string(),
  /** What to compare it with; the model it was made from when omitted, and nothing when null. */
  originalId: z.string().nullable().optional(),
  format: reportFormatSchema,
  /** Measure what has no figure yet, everything again, or nothing. */
  measure: z.enum(['missing', 'all', 'none']).default('missing'),
  prompts: z.array(promptSchema).max(10).optional(),
})
export type ReportRequest = z.infer<typeof reportRequestSchema>
