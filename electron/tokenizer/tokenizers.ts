/** What services see of tokenization: asynchronous, by model folder, wherever it runs. */
import { AppError } from '../contract/errors.ts'
import type { TemplateMessage } from './chat-template.ts'
import type { TokenizerCore, TokenizerOp, TokenizerOps } from './tokenizer-core.ts'

export interface DecodeStream {
  /** Text that has become certain with these ids; never part of a character. */
  push(ids: readonly number[]): Promise<string>
  /** The rest. The stream is over. */
  end(): Promise<string>
}

export interface Tokenizers {
  encode(dir: string, text: string, options: { addSpecialTokens: boolean; signal?: AbortSignal }): Promise<number[]>
  decode(dir: string, ids: readonly number[]): Promise<string>
  /** What each id adds to the text behind `context`. */
  pieces(dir: string, context: readonly number[], ids: readonly number[]): Promise<string[]>
  /** Each id by itself, special ones by their names. */
  names(dir: string, ids: readonly number[]): Promise<string[]>
  /** The chat prompt as text and as ids. */
  prompt(dir: string, messages: readonly TemplateMessage[]): Promise<{ text: string; ids: number[] }>
  eosId(dir: string): Promise<number | null>
  openStream(dir: string): DecodeStream
  dispose(): void
}

/** Carries one operation to where the core runs. */
export interface TokenizerTransport {
  request<K extends TokenizerOp>(
    op: K,
    input: TokenizerOps[K]['input'],
    signal?: AbortSignal,
  ): Promise<TokenizerOps[K]['output']>
  dispose(): void
}

export function createTokenizers(transport: TokenizerTransport): Tokenizers {
  let nextStream = 1
  return {
    encode: (dir, text, { addSpecialTokens, signal }) =>
      transport.request('encode', { dir, text, addSpecialTokens }, signal),
    decode: (dir, ids) => transport.request('decode', { dir, ids }),
    pieces: (dir, context, ids) => transport.request('pieces', { dir, context, ids }),
    names: (dir, ids) => transport.request('names', { dir, ids }),
    prompt: (dir, messages) => transport.request('prompt', { dir, messages }),
    eosId: (dir) => transport.request('eosId', { dir }),
    openStream(dir) {
      const stream = nextStream++
      return {
        push: (ids) => transport.request('push', { dir, stream, ids }),
        end: () => transport.request('end', { stream }),
      }
    },
    dispose: () => transport.dispose(),
  }
}

/** Runs the core in place: for tests and for short-lived tools. */
export function createInlineTransport(core: TokenizerCore): TokenizerTransport {
  return {
    async request(op, input, signal) {
      if (signal?.aborted) throw new AppError('cancelled', 'cancelled')
      return core[op](input)
    },
    dispose() {},
  }
}
