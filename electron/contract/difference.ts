/** What two versions of a model say differently: divergence token by token, answers side by side, blind votes. */
import { z } from 'zod'
import { finishReasonSchema, samplingSchema } from './domain.ts'

const share = z.number().min(0).max(1)

/** Over all tokens that were compared. Divergence is KL(reference || model) in nats, over next-token distributions. */
export const divergenceSummarySchema = z.object({
  /** Positions compared: those that predict a token of their window. */
  tokens: z.number().int(),
  windows: z.number().int(),
  meanKl: z.number(),
  p99Kl: z.number(),
  maxKl: z.number(),
  /** Share of positions where both find the same token likeliest. */
  topAgreement: share,
  referencePerplexity: z.number(),
  perplexity: z.number(),
  /** perplexity / referencePerplexity */
  perplexityRatio: z.number(),
})
export type DivergenceSummary = z.infer<typeof divergenceSummarySchema>

/** How it was measured: everything that must match before two figures may be compared. */
export const divergenceProtocolSchema = z.object({
  protocol: z.literal('windows'),
  window: z.number().int(),
  /** Name of the text, and what identifies it. */
  text: z.string(),
  textSha256: z.string(),
  /** Ids of the text that were looked at, special ones included. */
  streamTokens: z.number().int(),
  specialIds: z.array(z.number().int()),
  temperature: z.literal(1),
  computeDtype: z.string(),
  device: z.string(),
  simd: z.string(),
  threads: z.number().int(),
  /** Both models in memory, or one after the other with the reference's logits in a file. Changes no figure. */
  loaded: z.enum(['together', 'one by one']),
})
export type DivergenceProtocol = z.infer<typeof divergenceProtocolSchema>

/** One token of a text, as both models saw it coming. */
export const comparedTokenSchema = z.object({
  /** What it adds to the text; empty for a piece of a character that is not whole yet. */
  text: z.string(),
  /** Null where nothing was compared: the first token of a window. */
  seen: z
    .object({
      kl: z.number(),
      /** Probability of this very token. */
      referenceProbability: share,
      probability: share,
      /** What each found likeliest, and how likely. */
      referenceTop: z.string(),
      referenceTopProbability: share,
      top: z.string(),
      topProbability: share,
    })
    .nullable(),
})
export type ComparedToken = z.infer<typeof comparedTokenSchema>

export const promptSchema = z.discriminatedUnion('kind', [
  /** A message, put into the model's chat template. */
  z.object({ kind: z.literal('message'), text: z.string().min(1) }),
  /** A text to go on with. */
  z.object({ kind: z.literal('text'), text: z.string().min(1) }),
])
export type Prompt = z.infer<typeof promptSchema>

const answerSampling = samplingSchema.pick({ temperature: true, seed: true, maxNewTokens: true })

export const sideBySideRequestSchema = z.object({
  /** The first is the reference that the others are compared with. */
  modelIds: z.array(z.string()).min(2).max(6),
  prompt: promptSchema,
  sampling: answerSampling,
})
export type SideBySideRequest = z.infer<typeof sideBySideRequestSchema>

export const answerSchema = z.object({
  modelId: z.string(),
  text: z.string(),
  tokens: z.array(comparedTokenSchema),
  finishReason: finishReasonSchema,
  tokensPerSecond: z.number(),
  /** Index of the first token that is not the reference's; null where the answers are the same, and for the reference. */
  firstDifference: z.number().int().nullable(),
  /** Of this answer's tokens; null for the reference, and for an answer without tokens. */
  summary: divergenceSummarySchema.nullable(),
})
export type Answer = z.infer<typeof answerSchema>

export const sideBySideEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('loading'), modelId: z.string() }),
  z.object({ type: z.literal('text'), modelId: z.string(), delta: z.string() }),
  z.object({ type: z.literal('comparing'), modelId: z.string(), done: z.number().int(), total: z.number().int() }),
  z.object({ type: z.literal('answer'), answer: answerSchema }),
])
export type SideBySideEvent = z.infer<typeof sideBySideEventSchema>

export const sideBySideResultSchema = z.object({
  answers: z.array(answerSchema),
  seed: z.number().int(),
  /** Whether all models were in memory at once. */
  together: z.boolean(),
  computeDtype: z.string(),
  device: z.string(),
})
export type SideBySideResult = z.infer<typeof sideBySideResultSchema>

/** A text of a person's own, short enough to be shown token by token. */
export const TEXT_LIMIT_TOKENS = 4096

export const textComparisonRequestSchema = z.object({
  modelIds: z.array(z.string()).min(2).max(6),
  text: z.string().min(1).max(200_000),
  window: z.number().int().min(2).default(512),
})
export type TextComparisonRequest = z.infer<typeof textComparisonRequestSchema>

export const textComparisonResultSchema = z.object({
  /** The text's tokens beyond the limit were left out. */
  cut: z.boolean(),
  protocol: divergenceProtocolSchema,
  versions: z.array(
    z.object({ modelId: z.string(), summary: divergenceSummarySchema, tokens: z.array(comparedTokenSchema) }),
  ),
})
export type TextComparisonResult = z.infer<typeof textComparisonResultSchema>

// Blind votes

export const SIDES = ['left', 'right'] as const
export const sideSchema = z.enum(SIDES)
export type Side = z.infer<typeof sideSchema>
export const ballotSchema = z.enum(['left', 'right', 'tie'])
export type Ballot = z.infer<typeof ballotSchema>

export const blindRequestSchema = z.object({
  modelIds: z.tuple([z.string(), z.string()]),
  prompt: promptSchema,
  sampling: answerSampling,
})
export type BlindRequest = z.infer<typeof blindRequestSchema>

/** Nothing here tells which version is on which side. */
export const blindEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('loading'), side: sideSchema }),
  z.object({ type: z.literal('text'), side: sideSchema, delta: z.string() }),
])
export type BlindEvent = z.infer<typeof blindEventSchema>

/** Votes between two versions. `first` and `second` are in the order of the ids that were asked for. */
export const tallySchema = z.object({
  first: z.number().int(),
  second: z.number().int(),
  ties: z.number().int(),
  /** Share of the votes that chose a side which chose the first; null without such votes. */
  share: share.nullable(),
  /** 95 % Wilson score interval of that share. */
  interval: z.tuple([share, share]).nullable(),
  /** Two-sided exact binomial test of "no preference". */
  pValue: share.nullable(),
})
export type Tally = z.infer<typeof tallySchema>

export const voteSchema = z.object({
  id: z.string(),
  at: z.string(),
  prompt: promptSchema,
  left: z.object({ modelId: z.string(), text: z.string() }),
  right: z.object({ modelId: z.string(), text: z.string() }),
  ballot: ballotSchema,
})
export type Vote = z.infer<typeof voteSchema>
