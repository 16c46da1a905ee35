/** Entry of the tokenizer thread: a megabyte of text takes seconds to tokenize, which must not stop the application. */
import { parentPort } from 'node:worker_threads'
import { toAppError } from '../contract/errors.ts'
import { createTokenizerCore, type TokenizerCore } from './tokenizer-core.ts'
import type { TokenizerReply, TokenizerRequest } from './worker-messages.ts'

const core = createTokenizerCore(() => new Date())

parentPort?.on('message', (request: TokenizerRequest) => parentPort?.postMessage(answer(core, request)))

function answer(core: TokenizerCore, { id, op, input }: TokenizerRequest): TokenizerReply {
  try {
    // `op` and `input` come from one member of the request union; the compiler cannot pair them up again.
    const run = core[op] as (input: unknown) => unknown
    return { id, value: run(input) }
  } catch (error) {
    return { id, error: toAppError(error).toShape() }
  }
}
