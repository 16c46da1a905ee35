/** A client for tests: calls answer from a table, streams are driven by the test. */
import type { AppContract, ChatEvent, ChatResult } from '../../../electron/contract/app.ts'
import type { Conversation, ModelDetail } from '../../../electron/contract/domain.ts'
import { AppError } from '../../../electron/contract/errors.ts'
import type { Client } from '../../../electron/rpc/client.ts'

export interface FakeGeneration {
  input: { modelId: string; messages: readonly { role: string; content: string }[] }
  signal: AbortSignal | undefined
  emit(event: ChatEvent): void
  finish(result?: Partial<ChatResult>): Promise<void>
  fail(error: AppError): Promise<void>
}

export interface FakeChatClient {
  client: Client<AppContract>
  /** What chats.save was given, by id. */
  saved: Map<string, Conversation>
  generations: FakeGeneration[]
  /** What models.inspect says of generation_config.json, by model id. */
  generation: Map<string, ModelDetail['generation']>
  /** Makes the next saves fail. */
  failSaving(error: AppError | null): void
}

export function chatResult(changes: Partial<ChatResult> = {}): ChatResult {
  return {
    text: 'Paris.',
    newIds: [1, 2],
    finishReason: 'eos',
    seed: 7,
    promptTokens: 10,
    reusedTokens: 0,
    timeToFirstTokenMs: 12,
    tokensPerSecond: 50,
    memory: { weights: 100, metadata: 10, kvCache: 5, scratch: 3, other: 2 },
    ...changes,
  }
}

/** Lets everything that is settled run its course. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}

export function createFakeChatClient(): FakeChatClient {
  const saved = new Map<string, Conversation>()
  const generations: FakeGeneration[] = []
  const generation = new Map<string, ModelDetail['generation']>()
  let savingError: AppError | null = null

  async function answer(method: string, input: { id?: string }): Promise<unknown> {
    switch (method) {
      case 'models.inspect':
        if (!generation.has(input.id ?? '')) throw new AppError('not-found', 'No such model.')
        return { generation: generation.get(input.id ?? '') }
      case 'chats.list':
        return { chats: [...saved.values()] }
      case 'chats.get': {
        const chat = saved.get(input.id ?? '')
        if (chat === undefined) throw new AppError('not-found', 'No such chat.')
        return chat
      }
      case 'chats.save': {
        if (savingError !== null) throw savingError
        // The table is only reached through the typed client below.
        const conversation = input as Conversation
        saved.set(conversation.id, conversation)
        return conversation
      }
      case 'chats.remove':
        saved.delete(input.id ?? '')
        return {}
      default:
        throw new AppError('unknown-method', method)
    }
  }

  function generate(
    input: FakeGeneration['input'],
    options: { signal?: AbortSignal; onEvent: FakeGeneration['emit'] },
  ): Promise<ChatResult> {
    return new Promise((resolve, reject) => {
      generations.push({
        input,
        signal: options.signal,
        emit: options.onEvent,
        async finish(result) {
          resolve(chatResult(result))
          await settle()
        },
        async fail(error) {
          reject(error)
          await settle()
        },
      })
    })
  }

  const untyped = {
    call: answer,
    stream: (
      _method: string,
      input: FakeGeneration['input'],
      options: { signal?: AbortSignal; onEvent: FakeGeneration['emit'] },
    ) => generate(input, options),
  }
  // One implementation for all methods cannot be typed method by method; the store under test is.
  const client = untyped as unknown as Client<AppContract>
  return {
    client,
    saved,
    generations,
    generation,
    failSaving(error) {
      savingError = error
    },
  }
}
