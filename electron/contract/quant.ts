/**
 * What a person chooses when they quantize: one spec per tensor, rules that assign specs by name, presets of rules.
 * The arithmetic over these (resolving rules, pricing a plan) lives in electron/plan.
 */
import { z } from 'zod'

export const NBITS = [8, 6, 5, 4, 3, 2, 1] as const
export const nbitsSchema = z.union(NBITS.map((n) => z.literal(n)))
export type Nbits = z.infer<typeof nbitsSchema>

export const computeDtypeSchema = z.enum(['float32', 'float16', 'bfloat16'])
export type ComputeDtype = z.infer<typeof computeDtypeSchema>

/** Names in the engine's method registry. */
export const methodNameSchema = z.enum(['hqq', 'refined', 'self', 'self-compensated', 'rtn'])
export type MethodName = z.infer<typeof methodNameSchema>

/** What people choose: a method, or the one that was measured best for the bit width (plan/methods.ts). */
export const methodChoiceSchema = z.enum(['auto', ...methodNameSchema.options])
export type MethodChoice = z.infer<typeof methodChoiceSchema>

export const quantSpecSchema = z.object({
  nbits: nbitsSchema,
  /** Values that share one scale and zero; null: one group per output row (axis 1) or input column (axis 0). */
  groupSize: z.number().int().positive().nullable(),
  /** 1: groups along the input dimension; 0: along the output dimension. */
  axis: z.union([z.literal(0), z.literal(1)]).default(1),
  method: methodChoiceSchema.default('hqq'),
  /** Round the initial zero to an integer; null: as the reference does (only at 4 bits). */
  roundZero: z.boolean().nullable().default(null),
  /** Store zero as 8-bit integers without grouping. */
  quantZero: z.boolean().default(false),
  /** Store scale as 8-bit integers in groups of 128. */
  quantScale: z.boolean().default(false),
})
export type QuantSpec = z.infer<typeof quantSpecSchema>

/** What one tensor gets: a spec, or to be kept as it is. */
export const choiceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('quantize'), spec: quantSpecSchema }),
  z.object({ kind: z.literal('keep') }),
])
export type Choice = z.infer<typeof choiceSchema>

/** Glob on module names (`model.layers.*.self_attn.v_proj`, `*.down_proj`); later rules win. */
export const ruleSchema = z.object({ pattern: z.string().min(1), choice: choiceSchema })
export type Rule = z.infer<typeof ruleSchema>

/** A whole configuration: what linear layers get unless a rule says otherwise. Also the format of `--config FILE`. */
export const quantConfigSchema = z.object({
  base: choiceSchema,
  rules: z.array(ruleSchema).default([]),
  /** dtype of scales, zeros and kept tensors in the saved model. */
  computeDtype: computeDtypeSchema.default('float16'),
  /** Of the text that the model writes itself, for methods that measure on it; 0 when left out. */
  seed: z.number().int().nonnegative().optional(),
  /** A text file that these methods measure on in its place. */
  text: z.string().min(1).optional(),
})
export type QuantConfig = z.infer<typeof quantConfigSchema>

export const presetSchema = z.object({
  id: z.string().min(1),
  name: z.string().min(1).max(80),
  description: z.string().default(''),
  builtIn: z.boolean().default(false),
  config: quantConfigSchema,
})
export type Preset = z.infer<typeof presetSchema>

/** One row of the resolved table: what a tensor will get, and why. */
export const resolvedTensorSchema = z.object({
  /** Module name for linear layers, tensor name for everything else. */
  name: z.string(),
  shape: z.array(z.number().int()),
  choice: choiceSchema,
  /** The rule pattern that decided, `base`, or `not a linear layer`. */
  decidedBy: z.string(),
  sourceBytes: z.number(),
  /** Packed weights plus metadata as stored. */
  bytes: z.number(),
  metadataBytes: z.number(),
  bitsPerWeight: z.number(),
})
export type ResolvedTensor = z.infer<typeof resolvedTensorSchema>
