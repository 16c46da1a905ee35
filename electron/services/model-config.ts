/** Reads config.json of a model folder: what the model is, and whether the engine can run it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { ModelConfigSummary } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'

/** Architectures of native/model. The engine has the last word; this list says it before anything is loaded. */
export const SUPPORTED_ARCHITECTURES: readonly string[] = ['LlamaForCausalLM']

const count = z.number().int().positive()
const rawConfigSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  model_type: z.string().nullish(),
})
const shapeSchema = z.looseObject({
  num_hidden_layers: count,
  hidden_size: count,
  intermediate_size: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  vocab_size: count,
  max_position_embeddings: count.nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  eos_token_id: z.union([z.number().int(), z.array(z.number().int())]).nullish(),
})

export type RawConfig = Record<string, unknown>

export interface ModelConfig {
  raw: RawConfig
  /** Null when config.json lacks what the app needs to know. */
  summary: ModelConfigSummary | null
  /** Why it cannot be run or quantized here; null when nothing speaks against it. */
  problem: AppError | null
}

/** Throws `not-found` without a config.json and `bad-file` when it is not a JSON object. */
export async function readModelConfig(dir: string): Promise<ModelConfig> {
  const path = join(dir, 'config.json')
  const raw = await readJsonObject(path)
  if (raw === null) {
    throw new AppError(
      'not-found',
      `${dir} has no config.json, so it is not a model folder. Choose the folder that holds config.json and the .safetensors files.`,
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
  const shape = shapeSchema.safeParse(raw)
  const problem = problemOf(path, architecture, shape.success ? null : shape.error)
  return { raw, summary: shape.success ? summaryOf(architecture, modelType, shape.data) : null, problem }
}

function problemOf(path: string, architecture: string, error: z.ZodError | null): AppError | null {
  if (!SUPPORTED_ARCHITECTURES.includes(architecture)) {
    return new AppError(
      'unsupported',
      `The architecture ${architecture || '(none named)'} is not supported yet. Supported: ${SUPPORTED_ARCHITECTURES.join(', ')}.`,
      { architecture },
    )
  }
  if (error === null) return null
  const field = error.issues[0]?.path.join('.') ?? ''
  return new AppError('bad-file', `${path} lacks a usable "${field}". Download it again.`)
}

function summaryOf(architecture: string, modelType: string, shape: z.infer<typeof shapeSchema>): ModelConfigSummary {
  return {
    architecture,
    modelType,
    layers: shape.num_hidden_layers,
    hiddenSize: shape.hidden_size,
    intermediateSize: shape.intermediate_size,
    heads: shape.num_attention_heads,
    kvHeads: shape.num_key_value_heads ?? shape.num_attention_heads,
    headDim: shape.head_dim ?? Math.floor(shape.hidden_size / shape.num_attention_heads),
    vocabSize: shape.vocab_size,
    contextLength: shape.max_position_embeddings ?? 2048,
    tiedEmbeddings: shape.tie_word_embeddings ?? false,
  }
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
