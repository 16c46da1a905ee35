/**
 * State of the chat screen, without React. One answer is written at a time, and it belongs to its conversation, not to what
 * is on screen: the reader may open another one meanwhile. The text being written lives in `live` so that only its own
 * reader is told about each piece.
 */
import { createStore, type StoreApi } from 'zustand/vanilla'
import type { AppContract } from '../../../electron/contract/app.ts'
import {
  type ChatMessage,
  type Conversation,
  type Sampling,
  samplingSchema,
} from '../../../electron/contract/domain.ts'
import { type ErrorShape, toAppError } from '../../../electron/contract/errors.ts'
import type { Client } from '../../../electron/rpc/client.ts'
import { createAnswering } from './answering.ts'
import { type Attached, createAttaching, settled } from './attaching.ts'
import {
  cutBefore,
  newConversation,
  picturesOf,
  upToLastQuestion,
  withQuestion,
  withSystemPrompt,
} from './conversation.ts'
import type { LiveAnswer } from './live-answer.ts'
import { sameSampling, samplingDefaults } from './sampling-defaults.ts'
import { createSaver } from './saver.ts'

export type ChatSummary = Pick<Conversation, 'id' | 'title' | 'modelId' | 'createdAt' | 'updatedAt'>

/** An answer that is being written. */
export interface Run {
  conversationId: string
  messageId: string
  modelId: string
  stopping: boolean
}

const PLAIN_SAMPLING = samplingSchema.parse({})

export interface ChatState {
  /** Kept conversations, newest first. */
  chats: readonly ChatSummary[]
  listing: { state: 'loading' } | { state: 'ready' } | { state: 'failed'; error: ErrorShape }
  openId: string | null
  opening: { id: string; error: ErrorShape | null } | null
  /** Conversations read or begun since the start, by id. */
  conversations: Readonly<Record<string, Conversation>>
  run: Run | null
  /** Why the last answer of a conversation is missing or incomplete. */
  failure: { conversationId: string; error: ErrorShape } | null
  saveFailure: ErrorShape | null
  /** What is typed and not sent, by conversation. */
  drafts: Readonly<Record<string, string>>
  /** Pictures that go with it. */
  attached: Readonly<Record<string, readonly Attached[]>>
  /** Sampling that a model brings, by model, once it is known. */
  defaults: Readonly<Record<string, Sampling>>
}

export interface ChatDeps {
  client: Client<AppContract>
  live: LiveAnswer
  newId: () => string
  /** ISO time. */
  now: () => string
}

/** Puts back what an action took away. */
export type Undo = () => void

export interface ChatStore {
  state: StoreApi<ChatState>
  live: LiveAnswer
  load(): Promise<void>
  open(id: string): Promise<void>
  /** Begins a conversation on screen with the model's own sampling; it is kept from its first question on. */
  begin(modelId: string): void
  /** Reads what sampling a model brings, for the settings panel. */
  learnDefaults(modelId: string): Promise<void>
  rename(id: string, title: string): Promise<void>
  remove(id: string): Promise<Undo | null>
  /** Sampling that nobody changed follows the model. */
  setModel(id: string, modelId: string): void
  setSystemPrompt(id: string, text: string): void
  setSampling(id: string, sampling: Sampling): void
  setDraft(id: string, text: string): void
  /** Pictures for the next question of a conversation. */
  attach(id: string, files: readonly File[]): Promise<void>
  detach(id: string, key: string): void
  /** Asks what is typed in the open conversation. */
  send(): void
  /** Replaces a question and everything after it, and asks again. */
  edit(messageId: string, text: string): Undo | null
  /** Drops the last answer and asks again; also what "retry" does. */
  askAgain(): Undo | null
  stop(): void
  retrySaving(): void
}

export function createChatStore(deps: ChatDeps): ChatStore {
  const { client, live } = deps
  const state = createStore<ChatState>(() => ({
    chats: [],
    listing: { state: 'loading' },
    openId: null,
    opening: null,
    conversations: {},
    run: null,
    failure: null,
    saveFailure: null,
    drafts: {},
    attached: {},
    defaults: {},
  }))
  const saver = createSaver({
    save: (conversation) => client.call('chats.save', conversation),
    onResult: (error) => state.setState({ saveFailure: error }),
  })
  const attaching = createAttaching({ client, state, newId: deps.newId })
  const answering = createAnswering({ client, live, newId: deps.newId, state, keep })

  function current(): Conversation | null {
    const { openId, conversations } = state.getState()
    return openId === null ? null : (conversations[openId] ?? null)
  }

  /** Puts a conversation into the state and, when somebody has spoken in it, on the disk. */
  function keep(conversation: Conversation, options: { soon?: boolean } = {}): void {
    const kept = { ...conversation, updatedAt: deps.now() }
    state.setState(({ conversations }) => ({ conversations: { ...conversations, [kept.id]: kept } }))
    if (!kept.messages.some((message) => message.role === 'user')) return
    state.setState(({ chats }) => ({ chats: [summaryOf(kept), ...chats.filter((chat) => chat.id !== kept.id)] }))
    saver.save(kept, options.soon ? 'soon' : 'now')
  }

  function change(id: string, edit: (conversation: Conversation) => Conversation): void {
    const conversation = state.getState().conversations[id]
    if (conversation !== undefined) keep(edit(conversation), { soon: true })
  }

  /** Changes the line of messages and asks. The undo, null when nothing was lost, stops the new answer and puts the old line back. */
  function branch(before: Conversation, after: Conversation): Undo | null {
    if (state.getState().run !== null) return null
    answering.ask(after)
    const nothingLost = before.messages.every((message) => after.messages.includes(message))
    if (nothingLost) return null
    return () => {
      const now = state.getState().conversations[before.id]
      if (now === undefined) return
      answering.drop(before.id)
      keep({ ...now, title: before.title, messages: before.messages })
    }
  }

  function defaultsOf(modelId: string): Sampling {
    return state.getState().defaults[modelId] ?? PLAIN_SAMPLING
  }

  /** A model that cannot be read says so elsewhere; here our own defaults stay. */
  async function learn(modelId: string): Promise<void> {
    if (state.getState().defaults[modelId] !== undefined) return
    try {
      const { generation } = await client.call('models.inspect', { id: modelId })
      state.setState(({ defaults }) => ({ defaults: { ...defaults, [modelId]: samplingDefaults(generation) } }))
    } catch {
      return
    }
  }

  /** Gives the conversation its model's sampling unless somebody has changed either meanwhile. */
  async function followDefaults({ id, modelId, sampling }: Conversation): Promise<void> {
    await learn(modelId)
    const now = state.getState().conversations[id]
    if (now === undefined || now.modelId !== modelId || !sameSampling(now.sampling, sampling)) return
    if (!sameSampling(sampling, defaultsOf(modelId))) keep({ ...now, sampling: defaultsOf(modelId) }, { soon: true })
  }

  async function read(id: string): Promise<Conversation> {
    const known = state.getState().conversations[id]
    if (known !== undefined) return known
    const conversation = await client.call('chats.get', { id })
    state.setState(({ conversations }) => ({ conversations: { [id]: conversation, ...conversations } }))
    return conversation
  }

  return {
    state,
    live,
    async load() {
      state.setState({ listing: { state: 'loading' } })
      try {
        const { chats } = await client.call('chats.list', {})
        const sorted = chats.toSorted((a, b) => b.updatedAt.localeCompare(a.updatedAt))
        state.setState({ chats: sorted, listing: { state: 'ready' } })
      } catch (thrown) {
        state.setState({ listing: { state: 'failed', error: toAppError(thrown).toShape() } })
      }
    },
    async open(id) {
      state.setState({ openId: id, opening: { id, error: null } })
      try {
        await read(id)
        if (state.getState().opening?.id === id) state.setState({ opening: null })
      } catch (thrown) {
        if (state.getState().opening?.id !== id) return
        state.setState({ opening: { id, error: toAppError(thrown).toShape() } })
      }
    },
    begin(modelId) {
      const sampling = defaultsOf(modelId)
      const conversation = newConversation({ id: deps.newId(), modelId, sampling, at: deps.now() })
      state.setState(({ conversations }) => ({
        conversations: { ...conversations, [conversation.id]: conversation },
        openId: conversation.id,
        opening: null,
      }))
      void followDefaults(conversation)
    },
    learnDefaults: learn,
    async rename(id, title) {
      keep({ ...(await read(id)), title })
    },
    async remove(id) {
      const conversation = await read(id)
      answering.drop(id)
      await saver.idle(id)
      await client.call('chats.remove', { id })
      state.setState(({ chats, conversations, openId }) => ({
        chats: chats.filter((chat) => chat.id !== id),
        conversations: Object.fromEntries(Object.entries(conversations).filter(([key]) => key !== id)),
        openId: openId === id ? null : openId,
      }))
      return () => keep(conversation)
    },
    setModel(id, modelId) {
      const before = state.getState().conversations[id]
      if (before === undefined) return
      const untouched = sameSampling(before.sampling, defaultsOf(before.modelId))
      change(id, (conversation) => ({ ...conversation, modelId }))
      const after = state.getState().conversations[id]
      if (untouched && after !== undefined) void followDefaults(after)
    },
    setSystemPrompt: (id, text) => change(id, (conversation) => withSystemPrompt(conversation, deps.newId(), text)),
    setSampling: (id, sampling) => change(id, (conversation) => ({ ...conversation, sampling })),
    setDraft: (id, text) => state.setState(({ drafts }) => ({ drafts: { ...drafts, [id]: text } })),
    attach: attaching.attach,
    detach: attaching.detach,
    send() {
      const conversation = current()
      if (conversation === null || state.getState().run !== null) return
      const text = state.getState().drafts[conversation.id] ?? ''
      if (text.trim() === '' || !settled(state.getState().attached[conversation.id] ?? [])) return
      state.setState(({ drafts }) => ({ drafts: { ...drafts, [conversation.id]: '' } }))
      answering.ask(withQuestion(conversation, deps.newId(), text, attaching.take(conversation.id)))
    },
    edit(messageId, text) {
      const conversation = current()
      if (conversation === null || text.trim() === '') return null
      const shown = picturesOf(conversation, messageId)
      return branch(conversation, withQuestion(cutBefore(conversation, messageId), deps.newId(), text, shown))
    },
    askAgain() {
      const conversation = current()
      if (conversation === null || !conversation.messages.some(isQuestion)) return null
      return branch(conversation, upToLastQuestion(conversation))
    },
    stop: () => answering.stop(),
    retrySaving: () => saver.retry(),
  }
}

function isQuestion(message: ChatMessage): boolean {
  return message.role === 'user'
}

function summaryOf({ id, title, modelId, createdAt, updatedAt }: Conversation): ChatSummary {
  return { id, title, modelId, createdAt, updatedAt }
}
