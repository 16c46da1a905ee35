/** Reads config.json of a model folder: what the model is, and whether the engine can run it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { ModelConfigSummary } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import { FAMILIES, familyOf } from '../plan/families.ts'
import { summaryOf } from './config-summary.ts'
import { type VisionConfig, visionConfigOf } from './vision-config.ts'

const rawConfigSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  model_type: z.string().nullish(),
})

export type RawConfig = Record<string, unknown>

export interface ModelConfig {
  raw: RawConfig
  /** Null when config.json lacks what the app needs to know. */
  summary: ModelConfigSummary | null
  /** Why it cannot write text here; null when nothing speaks against it. */
  problem: AppError | null
  /** Null for models that see nothing. */
  vision: VisionConfig | null
}

/** Throws `not-found` without a config.json and `bad-file` when it is not a JSON object. */
export async function readModelConfig(dir: string): Promise<ModelConfig> {
  const path = join(dir, 'config.json')
  const raw = await readJsonObject(path)
  if (raw === null) {
    throw new AppError(
      'not-found',
      `${dir} has no config.json, so it is not a model folder. Choose the folder that holds config.json and the weights.`,
    )
  }
  return parseModelConfig(raw, path)
}

/** The same from a config.json that is elsewhere; `path` names it in messages. */
export function parseModelConfig(raw: RawConfig, path: string): ModelConfig {
  const head = rawConfigSchema.safeParse(raw)
  if (!head.success) throw new AppError('bad-file', `${path} does not describe a model. Download it again.`)
  const modelType = head.data.model_type ?? ''
  const architecture = head.data.architectures?.[0] ?? (modelType === 'llama' ? 'LlamaForCausalLM' : modelType)
  const vision = visionConfigOf(raw, architecture, path)
  if (vision !== null && vision.text === null) return { raw, summary: null, problem: writesNothing(), vision }
  const text = vision?.text ?? { architecture, modelType, raw }
  const { summary, error } = summaryOf(text.architecture, text.modelType, text.raw)
  return { raw, summary, problem: problemOf(path, text.architecture, error), vision }
}

function writesNothing(): AppError {
  return new AppError(
    'unsupported',
    'This model sees pictures and writes no text: there is no chat and no perplexity. Classify or search pictures with it.',
  )
}

/** `unsupported` for an architecture that the engine has no description of: its weights can be quantized all the same. */
function problemOf(path: string, architecture: string, error: z.ZodError | null): AppError | null {
  if (familyOf(architecture) === null) {
    const known = FAMILIES.map((family) => family.architecture).join(', ')
    return new AppError(
      'unsupported',
      `The architecture ${architecture || '(none named)'} cannot be run here, so there is no chat and no measuring. ` +
        `Its matrices can be quantized, saved and dequantized again. What runs: ${known}.`,
      { architecture },
    )
  }
  if (error === null) return null
  const field = error.issues[0]?.path.join('.') ?? ''
  return new AppError('bad-file', `${path} lacks a usable "${field}". Download it again.`)
}

/** Generous for a real file of its kind, small enough not to stop the app. */
const MAX_JSON_BYTES = 16 * 1024 * 1024

/** Null when the file is absent; throws `bad-file` when it is not a JSON object. */
export async function readJsonObject(path: string): Promise<RawConfig | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw new AppError('io', `${path} cannot be read. Check its permissions.`, undefined, { cause: error })
  }
  if (text.length > MAX_JSON_BYTES) throw new AppError('bad-file', `${path} is too large for a configuration file.`)
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch (error) {
    throw new AppError('bad-file', `${path} is not a JSON object. Download it again.`, undefined, { cause: error })
  }
}
