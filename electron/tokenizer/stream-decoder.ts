/**
 * Token ids to text as they arrive. A piece is given out only when it ends on a whole character, so no half of a UTF-8 sequence
 * is ever shown, and all pieces together equal the decoding of all ids at once.
 */
import type { TextCodec } from './text-codec.ts'

export interface StreamDecoder {
  /** Text that has become certain. */
  push(ids: readonly number[]): string
  /** What is left, broken characters as U+FFFD. */
  end(): string
}

const REPLACEMENT = '�'

/**
 * Decoders are not concatenative: SentencePiece ones strip the first space, byte-level ones join bytes over tokens. So a new
 * piece is decoded behind the piece before it, and the text of that one alone is cut off.
 */
export function createStreamDecoder(codec: TextCodec): StreamDecoder {
  let context: number[] = []
  let pending: number[] = []

  function take(final: boolean): string {
    const before = codec.decode(context, true)
    const text = codec.decode([...context, ...pending], true)
    if (!final && (text.endsWith(REPLACEMENT) || text.length <= before.length)) return ''
    context = pending
    pending = []
    return text.slice(before.length)
  }

  return {
    push(ids) {
      pending.push(...ids)
      return pending.length === 0 ? '' : take(false)
    },
    end: () => (pending.length === 0 ? '' : take(true)),
  }
}
