/** Text to token ids and back, over @huggingface/tokenizers. Ids are those of the Python libraries (tested against them). */
import { Tokenizer } from '@huggingface/tokenizers'
import { AppError } from '../contract/errors.ts'
import { exactPreTokenizer } from './pre-tokenizer.ts'
import type { TokenizerFiles, TokenizerJson } from './tokenizer-files.ts'

export interface TextCodec {
  /** Token ids; `addSpecialTokens` adds what the tokenizer itself adds (usually BOS at the start). */
  encode(text: string, addSpecialTokens: boolean): number[]
  /** Text of the ids exactly as the tokenizer's decoder gives it. Ids outside the vocabulary decode to nothing. */
  decode(ids: readonly number[], skipSpecialTokens: boolean): string
  idOf(token: string): number | null
}

/** Tokenizer classes whose Python side replaces tokenizer.json's post-processor by add_bos_token and add_eos_token. */
const FLAG_DRIVEN_CLASSES = ['LlamaTokenizer', 'LlamaTokenizerFast']

/**
 * Throws `bad-file` when tokenizer.json cannot be used. clean_up_tokenization_spaces is not applied: it deletes spaces that the
 * model wrote (in code, for instance), and a stream could not be cut at any point.
 */
export function createTextCodec(files: TokenizerFiles): TextCodec {
  const tokenizer = build(files)
  const special = new Set<number>()
  for (const [id, token] of tokenizer.get_added_tokens_decoder()) if (token.special) special.add(id)
  const decoder = tokenizer.decoder
  return {
    encode: (text, addSpecialTokens) => tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    decode(ids, skipSpecialTokens) {
      const tokens: string[] = []
      for (const id of ids) {
        if (skipSpecialTokens && special.has(id)) continue
        const token = tokenizer.id_to_token(id)
        if (token !== undefined) tokens.push(token)
      }
      return decoder === null ? tokens.join(' ') : decoder.decode(tokens)
    },
    idOf: (token) => tokenizer.token_to_id(token) ?? null,
  }
}

function build(files: TokenizerFiles): Tokenizer {
  const { pre_tokenizer } = files.tokenizer
  const json: TokenizerJson = {
    ...files.tokenizer,
    pre_tokenizer: pre_tokenizer === null ? null : exactPreTokenizer(pre_tokenizer),
    post_processor: postProcessor(files),
  }
  try {
    return new Tokenizer(json, files.config)
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    throw new AppError(
      'bad-file',
      `The tokenizer of this model cannot be used: ${cause}. Check tokenizer.json.`,
      undefined,
      {
        cause: error,
      },
    )
  }
}

function postProcessor(files: TokenizerFiles): TokenizerJson['post_processor'] {
  const { tokenizer, config, specialTokens } = files
  if (!FLAG_DRIVEN_CLASSES.includes(config.tokenizer_class ?? '')) return tokenizer.post_processor
  const idOf = (token: string) => tokenizer.added_tokens.find((added) => added.content === token)?.id
  const tokens = { bos: specialTokens.bos_token, eos: specialTokens.eos_token }
  const wanted = { bos: config.add_bos_token ?? true, eos: config.add_eos_token ?? false }
  const parts: Record<'bos' | 'eos', object[]> = { bos: [], eos: [] }
  const special: Record<string, object> = {}
  for (const end of ['bos', 'eos'] as const) {
    const token = tokens[end]
    const id = token === undefined ? undefined : idOf(token)
    if (!wanted[end] || token === undefined || id === undefined) continue
    parts[end] = [{ SpecialToken: { id: token, type_id: 0 } }]
    special[token] = { id: token, ids: [id], tokens: [token] }
  }
  const single = [...parts.bos, { Sequence: { id: 'A', type_id: 0 } }, ...parts.eos]
  const pair = [...single, ...parts.bos, { Sequence: { id: 'B', type_id: 1 } }, ...parts.eos]
  return { type: 'TemplateProcessing', single, pair, special_tokens: special }
}
