import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer as OracleTokenizer } from '@anush008/tokenizers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createStreamDecoder } from './stream-decoder.ts'
import { DEMO_MODEL, HAS_SMOLLM2, HAS_STORIES, SMOLLM2_GOLDEN, SMOLLM2_MODEL, STORIES_MODEL } from './testing.ts'
import { createTextCodec } from './text-codec.ts'
import { createTokenizerCore } from './tokenizer-core.ts'
import { readTokenizerFiles } from './tokenizer-files.ts'

const MIXED_TEXTS = [
  '',
  ' ',
  "Hello, world! It's 2024: naïve café 你好 1234567  \n\n  def f(x):\n\treturn x**2 🙂 don't",
  'a <|im_start|>user\n<|end|> </s> <unk>',
  'Ⅷ ½ ١٢٣ 1e-10 $1,000.00 ... ?! ( [',
  'Ünïcödé ﬁ ½ “quotes” — 𝒳 👩‍👩‍👧‍👦 \u0000 \u200b end ',
]

const folders = [
  { name: 'byte-level BPE (demo model)', dir: DEMO_MODEL, has: true },
  { name: 'SentencePiece-style BPE with byte fallback (shared data)', dir: STORIES_MODEL, has: HAS_STORIES },
  { name: 'byte-level BPE with digit splitting (shared data)', dir: SMOLLM2_MODEL, has: HAS_SMOLLM2 },
]

describe.each(folders)('$name', ({ dir, has }) => {
  const load = () => ({
    codec: createTextCodec(readTokenizerFiles(dir)),
    oracle: OracleTokenizer.fromString(readFileSync(join(dir, 'tokenizer.json'), 'utf8')),
  })

  it.skipIf(!has)('gives the ids and texts of the oracle', async () => {
    const { codec, oracle } = load()
    const prose = readFileSync(join(DEMO_MODEL, 'eval.txt'), 'utf8').slice(0, 60_000)
    for (const text of [...MIXED_TEXTS, prose]) {
      for (const addSpecialTokens of [true, false]) {
        const ids = (await oracle.encode(text, null, { addSpecialTokens })).getIds()
        expect(codec.encode(text, addSpecialTokens)).toEqual(ids)
      }
      const ids = codec.encode(text, true)
      if (ids.length > 0) expect(codec.decode(ids, true)).toBe(await oracle.decode(ids, true))
    }
  })

  it.skipIf(!has)('streams any ids to the same text as decoding them at once, never cutting a character', () => {
    const { codec } = load()
    const ids = fc.array(fc.integer({ min: 0, max: 511 }), { maxLength: 60 })
    fc.assert(
      fc.property(ids, fc.string({ unit: 'grapheme', maxLength: 40 }), (random, text) => {
        const all = [...codec.encode(text, true), ...random]
        const stream = createStreamDecoder(codec)
        const pieces = all.map((id) => stream.push([id]))
        for (const piece of pieces) expect(piece.endsWith('�')).toBe(false)
        expect(pieces.join('') + stream.end()).toBe(codec.decode(all, true))
      }),
      { seed: 7, numRuns: 300 },
    )
  })
})

describe('golden values of the chat model', () => {
  const golden = () =>
    JSON.parse(readFileSync(SMOLLM2_GOLDEN, 'utf8')) as {
      cases: {
        messages: { role: string; content: string }[]
        prompt: string
        prompt_ids: number[]
        new_ids: number[]
        text: string
      }[]
      tokenize: { text: string; ids: number[] }[]
    }
  const core = createTokenizerCore(() => new Date(0))

  it.skipIf(!HAS_SMOLLM2)('tokenizes as transformers does', () => {
    for (const { text, ids } of golden().tokenize) {
      expect(core.encode({ dir: SMOLLM2_MODEL, text, addSpecialTokens: true })).toEqual(ids)
    }
  })

  it.skipIf(!HAS_SMOLLM2)('renders and tokenizes its chat prompts, and decodes its answers', () => {
    for (const { messages, prompt, prompt_ids, new_ids, text } of golden().cases) {
      expect(core.prompt({ dir: SMOLLM2_MODEL, messages })).toEqual({ text: prompt, ids: prompt_ids })
      expect(core.decode({ dir: SMOLLM2_MODEL, ids: new_ids })).toBe(text)
    }
  })
})

describe('demo model', () => {
  const core = createTokenizerCore(() => new Date(0))

  it('renders its chat prompt and knows its end token', () => {
    const golden = JSON.parse(readFileSync(join(DEMO_MODEL, 'golden.json'), 'utf8')) as {
      chat_prompt: string
      first_ids: number[]
      greedy: { prompt: string; prompt_ids: number[]; new_ids: number[]; text: string }[]
    }
    const messages = [{ role: 'user', content: 'What is the capital of France?' }]
    const prompt = core.prompt({ dir: DEMO_MODEL, messages })
    expect(prompt.text).toBe(golden.chat_prompt)
    expect(prompt.ids).toEqual(core.encode({ dir: DEMO_MODEL, text: golden.chat_prompt, addSpecialTokens: false }))
    expect(core.eosId({ dir: DEMO_MODEL })).toBe(2)
    for (const { prompt, prompt_ids, new_ids, text } of golden.greedy) {
      expect(core.encode({ dir: DEMO_MODEL, text: prompt, addSpecialTokens: true })).toEqual(prompt_ids)
      expect(core.decode({ dir: DEMO_MODEL, ids: new_ids })).toBe(text)
    }
  })

  it('keeps streams apart and forgets them at their end', () => {
    const ids = core.encode({ dir: DEMO_MODEL, text: 'naïve café', addSpecialTokens: false })
    let a = ''
    let b = ''
    for (const id of ids) {
      a += core.push({ dir: DEMO_MODEL, stream: 1, ids: [id] })
      b += core.push({ dir: DEMO_MODEL, stream: 2, ids: [id] })
    }
    expect(a + core.end({ stream: 1 })).toBe('naïve café')
    expect(b + core.end({ stream: 2 })).toBe('naïve café')
    expect(core.end({ stream: 1 })).toBe('')
  })
})

describe('pieces of a text', () => {
  it('are what each id adds, and together the whole', () => {
    const core = createTokenizerCore(() => new Date(0))
    const dir = DEMO_MODEL
    const text = 'A naïve café 🙂 on the 12th.'
    const ids = core.encode({ dir, text, addSpecialTokens: false })
    const pieces = core.pieces({ dir, context: [], ids })
    expect(pieces).toHaveLength(ids.length)
    expect(pieces.join('')).toBe(text)
    for (const cut of [1, 5, ids.length - 1]) {
      const rest = core.pieces({ dir, context: ids.slice(0, cut), ids: ids.slice(cut) })
      expect(pieces.slice(0, cut).join('') + rest.join('')).toBe(text)
    }
    expect(core.names({ dir, ids: [2, ...ids.slice(0, 1)] })[0]).not.toBe('')
  })
})
