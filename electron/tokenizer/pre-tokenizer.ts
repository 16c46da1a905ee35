/**
 * Two pre-tokenizers that the JavaScript library reads differently from the Rust one are rewritten as splits by a pattern:
 * `Digits` means any Unicode number there (½, Ⅷ), and `Punctuation` isolates each mark instead of runs of them.
 */
import type { TokenizerJson } from './tokenizer-files.ts'

type PreTokenizer = NonNullable<TokenizerJson['pre_tokenizer']>

const NUMBER = '\\p{N}'
const PUNCTUATION = '[!-\\/:-@\\[-`{-~]|\\p{P}'

/** The same configuration with those parts replaced. */
export function exactPreTokenizer(config: PreTokenizer): PreTokenizer {
  switch (config.type) {
    case 'Sequence':
      return { ...config, pretokenizers: partsOf(config).map(exactPreTokenizer) }
    case 'Digits':
      return isolate(config.individual_digits === true ? NUMBER : `${NUMBER}+`)
    case 'Punctuation':
      return (config.behavior ?? 'Isolated') === 'Isolated' ? isolate(PUNCTUATION) : config
    default:
      return config
  }
}

function isolate(pattern: string): PreTokenizer {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
}

function partsOf(config: PreTokenizer): PreTokenizer[] {
  const parts = config.pretokenizers
  return Array.isArray(parts) ? parts.filter((part) => typeof part === 'object' && part !== null) : []
}
