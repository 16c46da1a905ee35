/** The tokenizer.json and tokenizer_config.json of a GGUF file's vocabulary, in the form that the tokenizer library reads. */
import type { GgufMetadata } from './metadata.ts'
import { spmMerges } from './spm-merges.ts'

type Json = Record<string, unknown>

export interface TokenizerTexts {
  tokenizer: Json
  config: Json
  generation: Json
}

/** Kinds of tokens as llama.cpp numbers them. */
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4

export const SPLIT_LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
export const SPLIT_QWEN2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true }
const GPT2: Json = { ...BYTE_LEVEL, use_regex: true }
const DIGITS: Json = sequence({ type: 'Digits', individual_digits: true }, GPT2)

interface PreTokenizer {
  preTokenizer: Json
  normalizer?: Json
  ignoreMerges?: boolean
  addBos?: boolean
}

/** What `tokenizer.ggml.pre` stands for. */
const PRE: Readonly<Record<string, PreTokenizer>> = {
  default: { preTokenizer: GPT2 },
  'gpt-2': { preTokenizer: GPT2 },
  'phi-2': { preTokenizer: GPT2 },
  smollm: { preTokenizer: DIGITS },
  starcoder: { preTokenizer: DIGITS },
  refact: { preTokenizer: DIGITS },
  'llama-bpe': { preTokenizer: split(SPLIT_LLAMA3), ignoreMerges: true, addBos: true },
  llama3: { preTokenizer: split(SPLIT_LLAMA3), ignoreMerges: true, addBos: true },
  'llama-v3': { preTokenizer: split(SPLIT_LLAMA3), ignoreMerges: true, addBos: true },
  dbrx: { preTokenizer: split(SPLIT_LLAMA3) },
  'smaug-bpe': { preTokenizer: split(SPLIT_LLAMA3) },
  qwen2: { preTokenizer: split(SPLIT_QWEN2), normalizer: { type: 'NFC' } },
  'deepseek-r1-qwen': { preTokenizer: split(SPLIT_QWEN2), normalizer: { type: 'NFC' } },
}

/** Null for a vocabulary of a kind that is not read; the model can then be quantized, but not talked to. */
export function ggufTokenizer(metadata: GgufMetadata): TokenizerTexts | null {
  const kind = metadata.textOr('tokenizer.ggml.model', null)
  if (kind === 'gpt2') {
    const pre = PRE[metadata.textOr('tokenizer.ggml.pre', 'default')]
    return pre === undefined ? null : texts(metadata, byteLevel(metadata, pre), pre.addBos ?? false)
  }
  return kind === 'llama' ? texts(metadata, sentencePiece(metadata), true) : null
}

function texts(metadata: GgufMetadata, tokenizer: Json, addBosByDefault: boolean): TokenizerTexts {
  const tokens = metadata.texts('tokenizer.ggml.tokens')
  const idOf = (name: string) => metadata.numberOr(`tokenizer.ggml.${name}_token_id`, null)
  const textOf = (id: number | null) => (id === null ? undefined : tokens[id])
  const [bos, eos, eot, pad, unknown] = ['bos', 'eos', 'eot', 'padding', 'unknown'].map(idOf) as [
    number | null,
    number | null,
    number | null,
    number | null,
    number | null,
  ]
  const addBos = metadata.flagOr('tokenizer.ggml.add_bos_token', addBosByDefault) && textOf(bos) !== undefined
  const template = metadata.textOr('tokenizer.chat_template', null)
  return {
    tokenizer: { ...tokenizer, post_processor: addBos ? beginWith(textOf(bos) ?? '', bos ?? 0) : null },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      clean_up_tokenization_spaces: false,
      add_bos_token: addBos,
      ...defined({
        bos_token: textOf(bos),
        eos_token: textOf(eos),
        pad_token: textOf(pad),
        unk_token: textOf(unknown),
      }),
      model_max_length: metadata.number('context_length'),
      ...(template === null ? {} : { chat_template: template }),
    },
    generation: defined({
      bos_token_id: bos ?? undefined,
      eos_token_id: eot !== null && eot !== eos ? [eos, eot].filter((id) => id !== null) : (eos ?? undefined),
      pad_token_id: pad ?? undefined,
    }),
  }
}

function byteLevel(metadata: GgufMetadata, { preTokenizer, normalizer, ignoreMerges }: PreTokenizer): Json {
  return {
    ...frame(metadata),
    normalizer: normalizer ?? null,
    pre_tokenizer: preTokenizer,
    decoder: GPT2,
    model: {
      ...bpe(metadata, metadata.texts('tokenizer.ggml.merges')),
      byte_fallback: false,
      ignore_merges: ignoreMerges ?? false,
    },
  }
}

function sentencePiece(metadata: GgufMetadata): Json {
  const tokens = metadata.texts('tokenizer.ggml.tokens')
  const scores = metadata.numbersOr('tokenizer.ggml.scores', [])
  const unknown = metadata.numberOr('tokenizer.ggml.unknown_token_id', null)
  const prefix = metadata.flagOr('tokenizer.ggml.add_space_prefix', true)
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const decoders = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ]
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 }
  return {
    ...frame(metadata),
    normalizer: prefix ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, spaces] } : spaces,
    pre_tokenizer: null,
    decoder: { type: 'Sequence', decoders: prefix ? [...decoders, strip] : decoders },
    model: {
      ...bpe(metadata, spmMerges(tokens, scores)),
      unk_token: unknown === null ? null : (tokens[unknown] ?? null),
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
    },
  }
}

/** What both kinds have. */
function frame(metadata: GgufMetadata): Json {
  const tokens = metadata.texts('tokenizer.ggml.tokens')
  const kinds = metadata.numbersOr('tokenizer.ggml.token_type', [])
  const added = [...kinds.entries()].filter(([, kind]) => kind === CONTROL || kind === USER_DEFINED || kind === UNKNOWN)
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.map(([id, kind]) => ({
      id,
      content: tokens[id],
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: kind !== USER_DEFINED,
    })),
    post_processor: null,
  }
}

function bpe(metadata: GgufMetadata, merges: readonly string[]): Json {
  const vocab = Object.fromEntries(metadata.texts('tokenizer.ggml.tokens').map((token, id) => [token, id]))
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    vocab,
    merges,
  }
}

function beginWith(token: string, id: number): Json {
  const begin = { SpecialToken: { id: token, type_id: 0 } }
  const text = (name: string, type: number) => ({ Sequence: { id: name, type_id: type } })
  return {
    type: 'TemplateProcessing',
    single: [begin, text('A', 0)],
    pair: [begin, text('A', 0), { SpecialToken: { id: token, type_id: 1 } }, text('B', 1)],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  }
}

function sequence(...pretokenizers: Json[]): Json {
  return { type: 'Sequence', pretokenizers }
}

function split(regex: string): Json {
  const cut = { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }
  return sequence(cut, { ...BYTE_LEVEL, use_regex: false })
}

function defined(values: Json): Json {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
