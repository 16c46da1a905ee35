import { useCallback, useMemo, useRef, useSyncExternalStore } from 'react'
import type { AppError } from '../../electron/contract/errors.ts'
import { useQueryCache } from './context.tsx'
import type { AnswerOf, AppCall, AppStream, Entry, EventFor, InputFor, Subscription } from './query-cache.ts'

export interface QueryResult<T> {
  /** The latest answer; stays while a newer one is fetched, and beside an error. */
  readonly data: T | undefined
  readonly error: AppError | null
  /** No answer and no error yet: show a skeleton. */
  readonly isLoading: boolean
  readonly isFetching: boolean
  refetch(): void
}

export interface QueryOptions {
  /** Nothing is asked while false. */
  enabled?: boolean
}

const OFF: Entry = { data: undefined, error: null, fetching: false }

/** The answer of a call, shared by everyone who asks the same, refreshed by `cache.invalidate(method)`. */
export function useQuery<M extends AppCall>(
  method: M,
  input: InputFor<M>,
  { enabled = true }: QueryOptions = {},
): QueryResult<AnswerOf<M>> {
  const cache = useQueryCache()
  const stable = useStable(input)
  const subscription = useMemo(() => (enabled ? cache.query(method, stable) : null), [cache, method, stable, enabled])
  return useEntry<AnswerOf<M>>(subscription)
}

/** The latest snapshot of a watch stream (`models.watch`, `jobs.watch`, `engine.watch`), shared and self-healing. */
export function useWatch<M extends AppStream>(
  method: M,
  input: InputFor<M>,
  { enabled = true }: QueryOptions = {},
): QueryResult<EventFor<M>> {
  const cache = useQueryCache()
  const stable = useStable(input)
  const subscription = useMemo(() => (enabled ? cache.watch(method, stable) : null), [cache, method, stable, enabled])
  return useEntry<EventFor<M>>(subscription)
}

function useEntry<T>(subscription: Subscription | null): QueryResult<T> {
  const subscribe = useCallback(
    (listener: () => void) => subscription?.subscribe(listener) ?? (() => undefined),
    [subscription],
  )
  const entry = useSyncExternalStore(subscribe, subscription ? subscription.get : () => OFF)
  return {
    // The slot holds what the server validated against the schema of this very method.
    data: entry.data as T | undefined,
    error: entry.error,
    isLoading: subscription !== null && entry.data === undefined && entry.error === null,
    isFetching: entry.fetching,
    refetch: subscription ? subscription.refetch : () => undefined,
  }
}

/** The same object as long as its JSON is the same. */
export function useStable<T>(value: T): T {
  const kept = useRef({ value, text: JSON.stringify(value) })
  const text = JSON.stringify(value)
  if (kept.current.text !== text) kept.current = { value, text }
  return kept.current.value
}
