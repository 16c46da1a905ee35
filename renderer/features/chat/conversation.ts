/**
 * Pure changes to a conversation. A conversation is one line of messages: editing or asking again cuts the line at that
 * message, and the caller keeps the old line for undo.
 */
import type { ChatResult } from '../../../electron/contract/app.ts'
import type { ChatMessage, Conversation, Sampling } from '../../../electron/contract/domain.ts'
import type { StoredImage } from '../../../electron/contract/vision.ts'

const TITLE_CHARACTERS = 60

/** Title of a conversation nobody has named or begun. */
export const UNTITLED = 'New chat'

/** An empty conversation. `at` is an ISO time. */
export function newConversation(input: { id: string; modelId: string; sampling: Sampling; at: string }): Conversation {
  const { at, ...rest } = input
  return { ...rest, title: UNTITLED, messages: [], createdAt: at, updatedAt: at }
}

/** First line of the first question, cut at a word, as a name for the list. */
export function titleFrom(text: string): string {
  const line = text.trim().split('\n', 1)[0]?.trim() ?? ''
  if (line === '') return UNTITLED
  if (line.length <= TITLE_CHARACTERS) return line
  const cut = line.slice(0, TITLE_CHARACTERS)
  const space = cut.lastIndexOf(' ')
  return `${(space > TITLE_CHARACTERS / 2 ? cut.slice(0, space) : cut).trimEnd()}…`
}

/** The conversation with a question at its end, and the pictures it is about; the first question also names it. */
export function withQuestion(
  conversation: Conversation,
  id: string,
  content: string,
  images: readonly StoredImage[] = [],
): Conversation {
  const title = conversation.title === UNTITLED ? titleFrom(content) : conversation.title
  const question: ChatMessage = { id, role: 'user', content, ...(images.length > 0 ? { images: [...images] } : {}) }
  return { ...conversation, title, messages: [...conversation.messages, question] }
}

/** Pictures that the message `id` shows. */
export function picturesOf(conversation: Conversation, id: string): readonly StoredImage[] {
  return conversation.messages.find((message) => message.id === id)?.images ?? []
}

/** Whether somebody has shown a picture in it. */
export function hasPictures({ messages }: Conversation): boolean {
  return messages.some(({ images = [] }) => images.length > 0)
}

/** Everything before the message `id`; unchanged when there is no such message. */
export function cutBefore(conversation: Conversation, id: string): Conversation {
  const index = conversation.messages.findIndex((message) => message.id === id)
  return index < 0 ? conversation : { ...conversation, messages: conversation.messages.slice(0, index) }
}

/** Without the answers after the last question: what is asked again on "regenerate" and "retry". */
export function upToLastQuestion(conversation: Conversation): Conversation {
  const last = conversation.messages.findLastIndex((message) => message.role === 'user')
  return { ...conversation, messages: conversation.messages.slice(0, last + 1) }
}

/** The system prompt, or an empty text. */
export function systemPromptOf(conversation: Conversation): string {
  const first = conversation.messages[0]
  return first?.role === 'system' ? first.content : ''
}

/** Sets the system prompt; an empty one removes the message. */
export function withSystemPrompt(conversation: Conversation, id: string, content: string): Conversation {
  const first = conversation.messages[0]
  const rest = first?.role === 'system' ? conversation.messages.slice(1) : conversation.messages
  if (content === '') return { ...conversation, messages: rest }
  const message: ChatMessage = { id: first?.role === 'system' ? first.id : id, role: 'system', content }
  return { ...conversation, messages: [message, ...rest] }
}

/** Whether the last word is the person's: nobody has answered, or the answer was lost. */
export function awaitsAnswer(conversation: Conversation): boolean {
  return conversation.messages.at(-1)?.role === 'user'
}

/** An answer as it is kept: text and how it was made. */
export function answerMessage(id: string, modelId: string, result: ChatResult): ChatMessage {
  const { weights, metadata, kvCache, scratch, other } = result.memory
  return {
    id,
    role: 'assistant',
    content: result.text,
    stats: {
      modelId,
      promptTokens: result.promptTokens,
      newTokens: result.newIds.length,
      timeToFirstTokenMs: result.timeToFirstTokenMs,
      tokensPerSecond: result.tokensPerSecond,
      finishReason: result.finishReason,
      seed: result.seed,
      memoryBytes: weights + metadata + kvCache + scratch + other,
    },
  }
}
