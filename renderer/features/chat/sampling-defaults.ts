/** Sampling settings a model brings in its generation_config.json, in the names of our schema. */
import type { ModelDetail, Sampling } from '../../../electron/contract/domain.ts'
import { samplingSchema } from '../../../electron/contract/domain.ts'

const FIELDS = {
  temperature: 'temperature',
  top_k: 'topK',
  top_p: 'topP',
  min_p: 'minP',
  repetition_penalty: 'repetitionPenalty',
  max_new_tokens: 'maxNewTokens',
} as const

/**
 * Our defaults, overridden by every valid value of `generation` (the parsed generation_config.json).
 * `do_sample: false` means greedy decoding, which is temperature 0 here. A value out of range is left out.
 */
export function samplingDefaults(generation: ModelDetail['generation']): Sampling {
  let sampling = samplingSchema.parse({})
  for (const [theirs, ours] of Object.entries(FIELDS)) {
    const value = generation[theirs]
    if (typeof value !== 'number') continue
    const parsed = samplingSchema.safeParse({ ...sampling, [ours]: value })
    if (parsed.success) sampling = parsed.data
  }
  return generation.do_sample === false ? { ...sampling, temperature: 0 } : sampling
}

/** Whether two settings are the same, field by field. */
export function sameSampling(a: Sampling, b: Sampling): boolean {
  return JSON.stringify(samplingSchema.parse(a)) === JSON.stringify(samplingSchema.parse(b))
}
