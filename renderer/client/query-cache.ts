/**
 * Server state on the page: answers of calls by method and input, and the latest value of watch streams, each shared by
 * all components that show it. Knows nothing of React.
 */
import { createStore, type StoreApi } from 'zustand/vanilla'
import type { AppContract } from '../../electron/contract/app.ts'
import { type AppError, toAppError } from '../../electron/contract/errors.ts'
import type { EventOf, InputOf, OutputOf } from '../../electron/contract/method.ts'
import type { CallName, StreamName } from '../../electron/rpc/client.ts'
import type { AppClient, Connection } from './connection.ts'

export type AppCall = CallName<AppContract>
export type AppStream = StreamName<AppContract>
export type InputFor<M extends keyof AppContract> = InputOf<AppContract[M]>
export type AnswerOf<M extends AppCall> = OutputOf<AppContract[M]>
export type EventFor<M extends AppStream> = EventOf<AppContract[M]>

export interface Entry {
  readonly data: unknown
  readonly error: AppError | null
  /** An answer is on its way; `data` may still hold the one before. */
  readonly fetching: boolean
}

const BLANK: Entry = { data: undefined, error: null, fetching: false }
/** How long an unused answer is kept, so that going back to a screen shows it at once. */
const KEEP_MS = 60_000

interface Slot {
  readonly store: StoreApi<Entry>
  readonly method: string
  users: number
  abort: AbortController | null
  expiry: ReturnType<typeof setTimeout> | undefined
  /** Starts or restarts the work behind the slot. */
  start(): void
}

export interface QueryCache {
  readonly client: AppClient
  /** The shared answer of a call. */
  query<M extends AppCall>(method: M, input: InputFor<M>): Subscription
  /** The latest event of a watch stream, resubscribed when the connection comes back. */
  watch<M extends AppStream>(method: M, input: InputFor<M>): Subscription
  /** Asks again for what is shown of `method` (and forgets what is not); with `input`, for that one answer only. */
  invalidate<M extends AppCall>(method: M, input?: InputFor<M>): void
  /** Puts a known answer in place, e.g. what a mutation returned. */
  setAnswer<M extends AppCall>(method: M, input: InputFor<M>, answer: AnswerOf<M>): void
  dispose(): void
}

export interface Subscription {
  readonly get: () => Entry
  /** Starts the work with the first subscriber. */
  readonly subscribe: (listener: () => void) => () => void
  readonly refetch: () => void
}

export function createQueryCache({ client, store: connection }: Connection): QueryCache {
  const slots = new Map<string, Slot>()
  const stopListening = connection.subscribe((now, before) => {
    if (now.epoch === before.epoch || before.epoch === 0) return
    for (const [key, slot] of slots) {
      if (slot.users > 0) slot.start()
      else remove(key, slot)
    }
  })

  function remove(key: string, slot: Slot): void {
    slot.abort?.abort()
    clearTimeout(slot.expiry)
    slots.delete(key)
  }

  function slotOf(method: string, input: unknown, run: (slot: Slot, abort: AbortController) => Promise<void>): Slot {
    const key = `${method} ${JSON.stringify(input)}`
    const found = slots.get(key)
    if (found) return found
    const slot: Slot = {
      store: createStore<Entry>(() => BLANK),
      method,
      users: 0,
      abort: null,
      expiry: undefined,
      start() {
        slot.abort?.abort()
        const abort = new AbortController()
        slot.abort = abort
        slot.store.setState({ fetching: true })
        run(slot, abort).catch((thrown: unknown) => {
          if (slot.abort !== abort) return
          const error = toAppError(thrown)
          // The next connection starts it again; what was shown stays.
          if (error.code === 'connection-lost' || error.code === 'cancelled') return
          slot.store.setState({ error, fetching: false })
        })
      },
    }
    slots.set(key, slot)
    return slot
  }

  function subscription(key: string, slot: Slot, isWatch: boolean): Subscription {
    return {
      get: slot.store.getState,
      subscribe(listener) {
        slot.users += 1
        clearTimeout(slot.expiry)
        // A slot may have been forgotten between rendering and subscribing.
        slots.set(key, slot)
        // An answer from before is shown at once and asked for again.
        if (slot.users === 1) slot.start()
        const stop = slot.store.subscribe(listener)
        return () => {
          stop()
          slot.users -= 1
          if (slot.users > 0) return
          if (isWatch) slot.abort?.abort()
          slot.expiry = setTimeout(() => remove(key, slot), KEEP_MS)
        }
      },
      refetch: slot.start,
    }
  }

  return {
    client,
    query(method, input) {
      const slot = slotOf(method, input, async (self, abort) => {
        const data = await client.call(method, input, { signal: abort.signal })
        if (self.abort === abort) self.store.setState({ data, error: null, fetching: false })
      })
      return subscription(`${method} ${JSON.stringify(input)}`, slot, false)
    },
    watch(method, input) {
      const slot = slotOf(method, input, async (self, abort) => {
        await client.stream(method, input, {
          signal: abort.signal,
          onEvent(data) {
            if (self.abort === abort) self.store.setState({ data, error: null, fetching: false })
          },
        })
      })
      return subscription(`${method} ${JSON.stringify(input)}`, slot, true)
    },
    invalidate(method, input) {
      const only = input === undefined ? null : `${method} ${JSON.stringify(input)}`
      for (const [key, slot] of slots) {
        if (slot.method !== method || (only !== null && key !== only)) continue
        if (slot.users > 0) slot.start()
        else remove(key, slot)
      }
    },
    setAnswer(method, input, answer) {
      slots.get(`${method} ${JSON.stringify(input)}`)?.store.setState({ data: answer, error: null, fetching: false })
    },
    dispose() {
      stopListening()
      for (const [key, slot] of slots) remove(key, slot)
    },
  }
}
