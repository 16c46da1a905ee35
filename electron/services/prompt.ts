/** What a model is asked, as ids, and the ids that end its answer. */
import { AppError } from '../contract/errors.ts'
import type { TemplateMessage } from '../tokenizer/chat-template.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import { stopIds } from './generation-config.ts'

export type PromptInput =
  | { kind: 'messages'; messages: readonly TemplateMessage[] }
  /** A text to go on with, without a chat template. */
  | { kind: 'text'; text: string }

export async function promptIds(
  tokenizers: Tokenizers,
  dir: string,
  prompt: PromptInput,
): Promise<{ text: string; ids: number[] }> {
  if (prompt.kind === 'messages') return tokenizers.prompt(dir, prompt.messages)
  const ids = await tokenizers.encode(dir, prompt.text, { addSpecialTokens: true })
  return { text: prompt.text, ids }
}

/** Throws `bad-input` when nothing is asked, or when there is no room for an answer. */
export function checkPromptLength(tokens: number, contextLength: number): void {
  if (tokens === 0) throw new AppError('bad-input', 'There is nothing to answer: the prompt is empty.')
  if (tokens < contextLength) return
  throw new AppError(
    'bad-input',
    `The prompt has ${tokens} tokens, but the context holds ${contextLength}. Shorten the conversation, or raise the context length.`,
    { tokens, contextLength },
  )
}

/** What the model's files say, else the tokenizer's end token. */
export async function endIds(tokenizers: Tokenizers, dir: string): Promise<number[]> {
  const own = await stopIds(dir)
  if (own !== null) return own
  const eos = await tokenizers.eosId(dir)
  return eos === null ? [] : [eos]
}
