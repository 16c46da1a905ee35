/** Asks the model and puts its answer into the conversation: the one place where an answer begins, ends or is lost. */
import type { StoreApi } from 'zustand/vanilla'
import type { AppContract, ChatResult } from '../../../electron/contract/app.ts'
import type { Conversation } from '../../../electron/contract/domain.ts'
import { toAppError } from '../../../electron/contract/errors.ts'
import type { Client } from '../../../electron/rpc/client.ts'
import { answerMessage } from './conversation.ts'
import type { LiveAnswer } from './live-answer.ts'
import type { ChatState, Run } from './store.ts'

export interface Answering {
  /** Keeps `conversation`, whose last message is a question, and streams the answer to it. */
  ask(conversation: Conversation): void
  /** Ends the answer; what was written stays. */
  stop(): void
  /** Ends the answer of this conversation, if any, and forgets its text. */
  drop(conversationId: string): void
}

export function createAnswering(deps: {
  client: Client<AppContract>
  live: LiveAnswer
  newId: () => string
  state: StoreApi<ChatState>
  keep: (conversation: Conversation) => void
}): Answering {
  const { client, live, state } = deps
  let abort: AbortController | null = null

  function isCurrent(run: Run): boolean {
    return state.getState().run?.messageId === run.messageId
  }

  /** Adds the answer to its conversation as that is now: its title or settings may have changed meanwhile. */
  function finish(run: Run, result: ChatResult): void {
    const conversation = state.getState().conversations[run.conversationId]
    state.setState({ run: null })
    if (conversation === undefined) return
    const message = answerMessage(run.messageId, run.modelId, result)
    deps.keep({ ...conversation, messages: [...conversation.messages, message] })
  }

  /** The text that came before the failure is kept; it cost time to make. */
  function fail(run: Run, thrown: unknown): void {
    const error = toAppError(thrown).toShape()
    const conversation = state.getState().conversations[run.conversationId]
    const content = live.text()
    state.setState({
      run: null,
      failure: error.code === 'cancelled' ? null : { conversationId: run.conversationId, error },
    })
    if (conversation === undefined || content === '') return
    deps.keep({
      ...conversation,
      messages: [...conversation.messages, { id: run.messageId, role: 'assistant', content }],
    })
  }

  async function generate(run: Run, conversation: Conversation, signal: AbortSignal): Promise<void> {
    const { modelId, messages, sampling } = conversation
    try {
      const result = await client.stream(
        'chat.generate',
        { modelId, messages, sampling },
        { signal, onEvent: (event) => isCurrent(run) && live.push(event) },
      )
      if (isCurrent(run)) finish(run, result)
    } catch (thrown) {
      if (isCurrent(run)) fail(run, thrown)
    }
  }

  return {
    ask(conversation) {
      const run: Run = {
        conversationId: conversation.id,
        messageId: deps.newId(),
        modelId: conversation.modelId,
        stopping: false,
      }
      abort = new AbortController()
      live.begin()
      state.setState({ run, failure: null })
      deps.keep(conversation)
      void generate(run, conversation, abort.signal)
    },
    stop() {
      const { run } = state.getState()
      if (run === null || run.stopping) return
      state.setState({ run: { ...run, stopping: true } })
      abort?.abort()
    },
    drop(conversationId) {
      const { run, failure } = state.getState()
      if (failure?.conversationId === conversationId) state.setState({ failure: null })
      if (run?.conversationId !== conversationId) return
      state.setState({ run: null })
      abort?.abort()
    },
  }
}
