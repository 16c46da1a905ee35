/**
 * Reads what a model folder says about text: tokenizer.json, its configuration, the chat template. A folder without a usable
 * tokenizer is a typed error with the way out in it, because such folders are common.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../contract/errors.ts'

/** Files about a model's texts and pictures; a saved model gets bit-exact copies of those that exist. */
export const TEXT_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
  'generation_config.json',
  'preprocessor_config.json',
  'processor_config.json',
] as const

/** Larger files are refused: the biggest real tokenizer.json is about 35 MB. */
const MAX_FILE_BYTES = 256 * 1024 * 1024

const tokenizerJsonSchema = z.looseObject({
  model: z.looseObject({}),
  added_tokens: z.array(z.looseObject({ id: z.number().int(), content: z.string() })).default([]),
  normalizer: z.looseObject({}).nullable().default(null),
  pre_tokenizer: z.looseObject({}).nullable().default(null),
  post_processor: z.looseObject({}).nullable().default(null),
  decoder: z.looseObject({}).nullable().default(null),
})
export type TokenizerJson = z.infer<typeof tokenizerJsonSchema>

const specialTokenSchema = z.union([z.string(), z.looseObject({ content: z.string() })])
const templateSchema = z.union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
const tokenizerConfigSchema = z.looseObject({
  tokenizer_class: z.string().optional(),
  add_bos_token: z.boolean().optional(),
  add_eos_token: z.boolean().optional(),
  chat_template: templateSchema.nullish(),
})
export type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>

export interface TokenizerFiles {
  tokenizer: TokenizerJson
  config: TokenizerConfig
  /** bos_token, eos_token, ... as text, from tokenizer_config.json or special_tokens_map.json. */
  specialTokens: Record<string, string>
  chatTemplate: string | null
}

/** Everything about text in a model folder. Throws `not-found` without a tokenizer, `bad-file` with a broken one. */
export function readTokenizerFiles(dir: string): TokenizerFiles {
  const path = join(dir, 'tokenizer.json')
  const raw = readJson(path)
  if (raw === undefined) throw missingTokenizer(dir)
  const tokenizer = parse(tokenizerJsonSchema, raw, path)
  const config = readTokenizerConfig(dir)
  return { tokenizer, config, specialTokens: specialTokens(dir, config), chatTemplate: templateOf(dir, config) }
}

/** Whether the folder has a tokenizer this app can read. */
export function hasTokenizer(dir: string): boolean {
  return fileExists(join(dir, 'tokenizer.json'))
}

/** The folder's chat template as text; null when it has none. The file of its own wins over the configuration. */
export function readChatTemplate(dir: string): string | null {
  return templateOf(dir, readTokenizerConfig(dir))
}

function templateOf(dir: string, config: TokenizerConfig): string | null {
  const jinja = readText(join(dir, 'chat_template.jinja'))
  if (jinja !== undefined) return jinja
  const legacyPath = join(dir, 'chat_template.json')
  const legacy = readJson(legacyPath)
  if (legacy !== undefined) return parse(z.looseObject({ chat_template: z.string() }), legacy, legacyPath).chat_template
  const template = config.chat_template
  if (template === null || template === undefined) return null
  if (typeof template === 'string') return template
  return (template.find((entry) => entry.name === 'default') ?? template[0])?.template ?? null
}

function readTokenizerConfig(dir: string): TokenizerConfig {
  const path = join(dir, 'tokenizer_config.json')
  return parse(tokenizerConfigSchema, readJson(path) ?? {}, path)
}

function specialTokens(dir: string, config: TokenizerConfig): Record<string, string> {
  const map = readJson(join(dir, 'special_tokens_map.json'))
  const found: Record<string, string> = {}
  for (const source of [z.looseObject({}).catch({}).parse(map), config]) {
    for (const [name, value] of Object.entries(source)) {
      if (!name.endsWith('_token') || typeof value === 'boolean') continue
      const token = specialTokenSchema.safeParse(value)
      if (token.success) found[name] = typeof token.data === 'string' ? token.data : token.data.content
    }
  }
  return found
}

function missingTokenizer(dir: string): AppError {
  if (fileExists(join(dir, 'tokenizer.model'))) {
    return new AppError(
      'not-found',
      `${dir} has a SentencePiece tokenizer.model but no tokenizer.json. Save the tokenizer once with the Python library ` +
        'transformers (AutoTokenizer.from_pretrained(folder).save_pretrained(folder)), then try again.',
    )
  }
  return new AppError(
    'not-found',
    `${dir} has no tokenizer.json, so text cannot be turned into tokens. Copy tokenizer.json and tokenizer_config.json of the ` +
      'same model into the folder. Quantizing works without them.',
  )
}

function fileExists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function readText(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat?.isFile()) return undefined
  if (stat.size > MAX_FILE_BYTES)
    throw new AppError('bad-file', `${path} is too large to be a tokenizer file (${stat.size} bytes).`)
  return readFileSync(path, 'utf8')
}

function readJson(path: string): unknown {
  const text = readText(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AppError('bad-file', `${path} is not valid JSON. Download the file again.`, undefined, { cause: error })
  }
}

function parse<T extends z.ZodType>(schema: T, value: unknown, path: string): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const where = issue?.path.join('.') || 'the top level'
  throw new AppError('bad-file', `${path} is not as expected at ${where}: ${issue?.message}. Download the file again.`)
}
