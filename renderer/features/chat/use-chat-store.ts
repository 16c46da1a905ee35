import { useStore } from 'zustand'
import type { AppClient } from '../../client/connection.ts'
import { useClient } from '../../client/context.tsx'
import { createLiveAnswer } from './live-answer.ts'
import { type ChatState, type ChatStore, createChatStore } from './store.ts'

/** One store for each connection: an answer goes on while another screen is shown. */
const stores = new WeakMap<AppClient, ChatStore>()

/** The chat store of this page. */
export function useChatStore(): ChatStore {
  const client = useClient()
  const known = stores.get(client)
  if (known !== undefined) return known
  const store = createChatStore({
    client,
    live: createLiveAnswer({ schedule: beforeNextFrame, now: () => performance.now() }),
    newId: () => crypto.randomUUID(),
    now: () => new Date().toISOString(),
  })
  stores.set(client, store)
  void store.load()
  return store
}

/** A part of the chat state; the component renders again when it changes. */
export function useChat<T>(store: ChatStore, select: (state: ChatState) => T): T {
  return useStore(store.state, select)
}

function beforeNextFrame(callback: () => void): () => void {
  const request = requestAnimationFrame(callback)
  return () => cancelAnimationFrame(request)
}
