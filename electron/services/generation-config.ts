/** What a model's own generation_config.json says about sampling and about where an answer ends. */
import { join } from 'node:path'
import { z } from 'zod'
import type { Sampling } from '../contract/domain.ts'
import { type RawConfig, readJsonObject } from './model-config.ts'

type SamplingDefaults = Pick<Sampling, 'topK' | 'topP' | 'minP' | 'repetitionPenalty'>

const fields = {
  topK: ['top_k', z.number().int().min(0)],
  topP: ['top_p', z.number().min(0).max(1)],
  minP: ['min_p', z.number().min(0).max(1)],
  repetitionPenalty: ['repetition_penalty', z.number().min(0.1).max(10)],
} as const satisfies Record<keyof SamplingDefaults, readonly [string, z.ZodType<number>]>

/** The model's own values over `fallback`, as transformers takes them, the repetition penalty with greedy decoding too. */
export async function samplingDefaults(dir: string, fallback: SamplingDefaults): Promise<SamplingDefaults> {
  const config = (await readGenerationConfig(dir)) ?? {}
  const own = (field: keyof SamplingDefaults) => {
    const [name, schema] = fields[field]
    const parsed = schema.safeParse(config[name])
    return parsed.success ? parsed.data : fallback[field]
  }
  return { topK: own('topK'), topP: own('topP'), minP: own('minP'), repetitionPenalty: own('repetitionPenalty') }
}

const tokenIds = z.union([
  z
    .number()
    .int()
    .transform((id) => [id]),
  z.array(z.number().int()),
])

/** Ids that end an answer: generation_config.json has the last word, then config.json; null when neither says. */
export async function stopIds(dir: string): Promise<number[] | null> {
  for (const config of [await readGenerationConfig(dir), await readJsonObject(join(dir, 'config.json'))]) {
    const ids = tokenIds.safeParse(config?.eos_token_id)
    if (ids.success) return ids.data
  }
  return null
}

export function readGenerationConfig(dir: string): Promise<RawConfig | null> {
  return readJsonObject(join(dir, 'generation_config.json'))
}
