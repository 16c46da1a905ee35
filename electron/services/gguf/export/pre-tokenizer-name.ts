/** How llama.cpp calls the way a byte-level tokenizer cuts a text into words. It knows these by name only, so others are refused. */
import { z } from 'zod'
import { AppError } from '../../../contract/errors.ts'
import type { TokenizerJson } from '../../../tokenizer/tokenizer-files.ts'
import { SPLIT_LLAMA3, SPLIT_QWEN2 } from '../tokenizer.ts'

const partSchema = z.looseObject({ type: z.string() })
const sequenceSchema = z.looseObject({ type: z.literal('Sequence'), pretokenizers: z.array(partSchema) })
const splitSchema = z.looseObject({
  type: z.literal('Split'),
  pattern: z.object({ Regex: z.string() }),
  behavior: z.literal('Isolated'),
})
const digitsSchema = z.looseObject({ type: z.literal('Digits'), individual_digits: z.literal(true) })
const byteLevelSchema = z.looseObject({ type: z.literal('ByteLevel'), use_regex: z.boolean().default(true) })

const BY_PATTERN: ReadonlyMap<string, string> = new Map([
  [SPLIT_LLAMA3, 'llama-bpe'],
  [SPLIT_QWEN2, 'qwen2'],
])

/** Throws `unsupported`. */
export function preTokenizerName({ pre_tokenizer }: TokenizerJson): string {
  const sequence = sequenceSchema.safeParse(pre_tokenizer)
  const parts = sequence.success ? sequence.data.pretokenizers : [pre_tokenizer]
  const [first, last] = [parts[0], parts.at(-1)]
  const byteLevel = byteLevelSchema.safeParse(last)
  if (byteLevel.success) {
    const withWords = byteLevel.data.use_regex
    if (parts.length === 1 && withWords) return 'gpt-2'
    if (parts.length === 2 && withWords && digitsSchema.safeParse(first).success) return 'smollm'
    const split = splitSchema.safeParse(first)
    const name = split.success ? BY_PATTERN.get(split.data.pattern.Regex) : undefined
    if (parts.length === 2 && !withWords && name !== undefined) return name
  }
  throw new AppError(
    'unsupported',
    'llama.cpp is not known here to cut texts into words as this tokenizer does, so the tokens would be others. Keep the model as safetensors.',
  )
}
