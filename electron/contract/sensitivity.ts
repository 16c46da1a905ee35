/** What each linear layer of a model loses under each way to quantize it, measured: what predictions and budgets are made of. */
import { z } from 'zod'
import { computeDtypeSchema, quantSpecSchema } from './quant.ts'

/** The settings that decide which table it is. */
export const sensitivityRequestSchema = z.object({
  modelId: z.string(),
  computeDtype: computeDtypeSchema.default('float16'),
  /** Of the text that the model writes. */
  seed: z.number().int().nonnegative().default(0),
  /** A text file to measure on in its place. */
  text: z.string().min(1).optional(),
  /** Tokens whose distributions are compared, for each layer. */
  tokens: z.number().int().min(64).max(65536).default(1024),
})
export type SensitivityRequest = z.infer<typeof sensitivityRequestSchema>

export const candidateLossSchema = z.object({
  spec: quantSpecSchema,
  /** Mean error over mean weight. */
  relativeError: z.number(),
  /** Squared error of the layer's output for a token: tr(E H E') with the second moments H of its input. */
  weightedError: z.number(),
  /** Of the engine, scales and zeros included. */
  bytes: z.number().nonnegative(),
  seconds: z.number().nonnegative(),
})
export type CandidateLoss = z.infer<typeof candidateLossSchema>

export const layerSensitivitySchema = z.object({
  name: z.string(),
  /** KL divergence in nats a token between the model and the model with only this layer quantized like candidate `probe`. */
  divergence: z.number().nonnegative(),
  probe: z.number().int().nonnegative(),
  candidates: z.array(candidateLossSchema).min(1),
})
export type LayerSensitivity = z.infer<typeof layerSensitivitySchema>

export const sensitivityTableSchema = z.object({
  request: sensitivityRequestSchema,
  /** Tells the files that were measured from others in the same place. */
  source: z.string(),
  engineVersion: z.string(),
  at: z.string(),
  seconds: z.number().nonnegative(),
  tokens: z.number().int(),
  /** Mean negative log-likelihood of the text under the original, in nats. */
  meanNll: z.number(),
  layers: z.array(layerSensitivitySchema),
})
export type SensitivityTable = z.infer<typeof sensitivityTableSchema>

/** A version that was made and measured, beside what the table says of it. */
export const predictedRunSchema = z.object({
  name: z.string(),
  bitsPerWeight: z.number(),
  fileBytes: z.number(),
  /** Sum over its layers. */
  divergence: z.number(),
  /** Measured perplexity over the original's, under the same protocol. */
  perplexityRatio: z.number().positive(),
})
export type PredictedRun = z.infer<typeof predictedRunSchema>
