/** What the application and its tokenizer thread say to each other. */
import type { ErrorShape } from '../contract/errors.ts'
import type { TokenizerOp, TokenizerOps } from './tokenizer-core.ts'

export type TokenizerRequest = {
  [K in TokenizerOp]: { id: number; op: K; input: TokenizerOps[K]['input'] }
}[TokenizerOp]
export type TokenizerReply = { id: number; value: unknown } | { id: number; error: ErrorShape }
