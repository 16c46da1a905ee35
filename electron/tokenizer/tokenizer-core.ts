/**
 * The tokenizer operations as plain synchronous functions, with the few most recent tokenizers kept loaded. Runs in the worker
 * thread; tests run it in place.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { renderChat, type TemplateMessage } from './chat-template.ts'
import { createStreamDecoder, type StreamDecoder } from './stream-decoder.ts'
import { createTextCodec, type TextCodec } from './text-codec.ts'
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.ts'

/** Each operation's input and output; both must survive structured clone. */
export interface TokenizerOps {
  encode: { input: { dir: string; text: string; addSpecialTokens: boolean }; output: number[] }
  decode: { input: { dir: string; ids: readonly number[] }; output: string }
  /** What each id adds to the text behind `context`: together the decoding of all, and none holds a part of a character. */
  pieces: { input: { dir: string; context: readonly number[]; ids: readonly number[] }; output: string[] }
  /** Each id by itself, special ones by their names. */
  names: { input: { dir: string; ids: readonly number[] }; output: string[] }
  /** Messages to the prompt text and its ids. */
  prompt: { input: { dir: string; messages: readonly TemplateMessage[] }; output: { text: string; ids: number[] } }
  /** Id of the tokenizer's end-of-sequence token, when it names one. */
  eosId: { input: { dir: string }; output: number | null }
  /** Decodes as tokens arrive; a stream starts with its first push and is forgotten with its end. */
  push: { input: { dir: string; stream: number; ids: readonly number[] }; output: string }
  end: { input: { stream: number }; output: string }
}
export type TokenizerOp = keyof TokenizerOps
export type TokenizerCore = { [K in TokenizerOp]: (input: TokenizerOps[K]['input']) => TokenizerOps[K]['output'] }

interface Loaded {
  files: TokenizerFiles
  codec: TextCodec
}

/** A loaded tokenizer takes up to a few hundred megabytes, so only this many stay. */
const MAX_LOADED = 2

const CONTEXT_IDS = 8

/** `now` supplies the date that some templates write into the prompt. */
export function createTokenizerCore(now: () => Date): TokenizerCore {
  const loaded = new Map<string, Loaded>()
  const streams = new Map<number, StreamDecoder>()

  function load(dir: string): Loaded {
    const key = `${dir}\n${stampOf(dir)}`
    const found = loaded.get(key) ?? readTokenizer(dir)
    loaded.delete(key)
    loaded.set(key, found)
    const [oldest] = loaded.keys()
    if (loaded.size > MAX_LOADED && oldest !== undefined) loaded.delete(oldest)
    return found
  }

  function streamOf(stream: number, dir: string): StreamDecoder {
    const found = streams.get(stream) ?? createStreamDecoder(load(dir).codec)
    streams.set(stream, found)
    return found
  }

  return {
    encode: ({ dir, text, addSpecialTokens }) => load(dir).codec.encode(text, addSpecialTokens),
    decode: ({ dir, ids }) => load(dir).codec.decode(ids, true),
    pieces({ dir, context, ids }) {
      const decoder = createStreamDecoder(load(dir).codec)
      // Enough before it to know how the first piece joins.
      decoder.push(context.slice(-CONTEXT_IDS))
      const pieces = ids.map((id) => decoder.push([id]))
      const rest = decoder.end()
      const last = pieces.length - 1
      return pieces.map((piece, index) => (index === last ? piece + rest : piece))
    },
    names: ({ dir, ids }) => ids.map((id) => load(dir).codec.decode([id], false)),
    prompt({ dir, messages }) {
      const { files, codec } = load(dir)
      const { text, addSpecialTokens } = renderChat(files, messages, now())
      return { text, ids: codec.encode(text, addSpecialTokens) }
    },
    eosId({ dir }) {
      const { files, codec } = load(dir)
      return files.specialTokens.eos_token === undefined ? null : codec.idOf(files.specialTokens.eos_token)
    },
    push: ({ dir, stream, ids }) => streamOf(stream, dir).push(ids),
    end({ stream }) {
      const rest = streams.get(stream)?.end() ?? ''
      streams.delete(stream)
      return rest
    },
  }
}

function readTokenizer(dir: string): Loaded {
  const files = readTokenizerFiles(dir)
  return { files, codec: createTextCodec(files) }
}

/** Changes when the tokenizer is replaced on disk. */
function stampOf(dir: string): string {
  const names = ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja']
  return names.map((name) => statSync(join(dir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0).join()
}
