/** tokenizer.json in the keys of llama.cpp: byte-level BPE as its `gpt2`, SentencePiece-like BPE as its `llama`. */
import { z } from 'zod'
import { AppError } from '../../../contract/errors.ts'
import { createTextCodec } from '../../../tokenizer/text-codec.ts'
import type { TokenizerFiles } from '../../../tokenizer/tokenizer-files.ts'
import { f32s, flag, type GgufEntry, i32s, text, texts, u32 } from './metadata.ts'
import { preTokenizerName } from './pre-tokenizer-name.ts'

const bpeSchema = z.looseObject({
  type: z.literal('BPE'),
  vocab: z.record(z.string(), z.number().int().nonnegative()),
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  byte_fallback: z.boolean().nullish(),
  unk_token: z.string().nullish(),
})
type Bpe = z.infer<typeof bpeSchema>

/** llama.cpp's token types. */
const NORMAL = 1
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4
const UNUSED = 5
const BYTE = 6

/** `stopIds` end an answer, if the model's files name any; `vocabSize` is the number of rows of the embedding. */
export function tokenizerMetadata(
  files: TokenizerFiles,
  vocabSize: number,
  stopIds: readonly number[] | null,
): GgufEntry[] {
  const parsed = bpeSchema.safeParse(files.tokenizer.model)
  if (!parsed.success) {
    const { type } = files.tokenizer.model
    throw new AppError('unsupported', `Tokenizers of the type ${String(type)} are not written as GGUF, only BPE.`)
  }
  const bpe = parsed.data
  const spm = bpe.byte_fallback === true
  const { tokens, types } = tokensOf(files, bpe, vocabSize, spm)
  const kind = spm
    ? [
        text(ggml('model'), 'llama'),
        text(ggml('pre'), 'default'),
        flag(ggml('add_space_prefix'), hasSpacePrefix(files)),
      ]
    : [text(ggml('model'), 'gpt2'), text(ggml('pre'), preTokenizerName(files.tokenizer))]
  const ranks = spm
    ? [f32s(ggml('scores'), scoresOf(bpe, tokens))]
    : [
        texts(
          ggml('merges'),
          bpe.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))),
        ),
      ]
  return [
    ...kind,
    texts(ggml('tokens'), tokens),
    i32s(ggml('token_type'), types),
    ...ranks,
    ...specialIds(files, bpe, tokens, stopIds),
    ...(files.chatTemplate === null ? [] : [text('tokenizer.chat_template', files.chatTemplate)]),
  ]
}

const ggml = (name: string) => `tokenizer.ggml.${name}`

/** Every row of the embedding needs a token; rows that the tokenizer does not use get names of their own. */
function tokensOf(files: TokenizerFiles, bpe: Bpe, vocabSize: number, spm: boolean) {
  const tokens: string[] = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`)
  const types: number[] = new Array<number>(vocabSize).fill(UNUSED)
  const place = (id: number, token: string, type: number) => {
    if (id >= vocabSize) {
      throw new AppError(
        'bad-file',
        `The tokenizer has the token ${id}, but the model has ${vocabSize} rows for tokens.`,
      )
    }
    tokens[id] = token
    types[id] = type
  }
  for (const [token, id] of Object.entries(bpe.vocab)) {
    place(id, token, spm && /^<0x[0-9A-F]{2}>$/.test(token) ? BYTE : token === bpe.unk_token ? UNKNOWN : NORMAL)
  }
  for (const { id, content, special } of files.tokenizer.added_tokens) {
    if (types[id] !== UNKNOWN) place(id, content, special === true ? CONTROL : USER_DEFINED)
  }
  return { tokens, types }
}

/** SentencePiece joins the pair whose result has the highest score: the earlier the merge, the higher. */
function scoresOf(bpe: Bpe, tokens: readonly string[]): number[] {
  const rank = new Map<string, number>()
  bpe.merges.forEach((merge, index) => {
    const made = typeof merge === 'string' ? merge.replace(' ', '') : merge.join('')
    if (!rank.has(made)) rank.set(made, index)
  })
  return tokens.map((token) => -(rank.get(token) ?? bpe.merges.length))
}

/** Whether a text gets a space before its first word. */
function hasSpacePrefix({ tokenizer }: TokenizerFiles): boolean {
  const parts = JSON.stringify([tokenizer.normalizer, tokenizer.pre_tokenizer])
  return /"type":"Prepend"/.test(parts) || /"prepend_scheme":"(first|always)"/.test(parts)
}

function specialIds(
  files: TokenizerFiles,
  bpe: Bpe,
  tokens: readonly string[],
  stopIds: readonly number[] | null,
): GgufEntry[] {
  const idOf = (token: string | null | undefined): number | null => {
    const id = token == null ? -1 : tokens.indexOf(token)
    return id < 0 ? null : id
  }
  const { bos_token, eos_token, pad_token, unk_token } = files.specialTokens
  const bos = idOf(bos_token)
  const eos = idOf(eos_token) ?? stopIds?.[0] ?? null
  const ids = createTextCodec(files).encode('a', true)
  const other = stopIds?.find((id) => id !== eos)
  const entry = (name: string, id: number | null | undefined) => (id == null ? [] : [u32(ggml(`${name}_token_id`), id)])
  return [
    ...entry('bos', bos),
    ...entry('eos', eos),
    ...entry('eot', other),
    ...entry('padding', idOf(pad_token)),
    ...entry('unknown', idOf(unk_token ?? bpe.unk_token)),
    flag(ggml('add_bos_token'), bos !== null && ids[0] === bos),
    flag(ggml('add_eos_token'), eos !== null && ids.at(-1) === eos),
  ]
}
