import { useCallback, useEffect, useRef, useState } from 'react'
import { type AppError, toAppError } from '../../../electron/contract/errors.ts'
import type { HubModel, HubQuery } from '../../../electron/contract/hub.ts'
import { useClient } from '../../client/context.tsx'
import { useStable } from '../../client/use-query.ts'

export interface HubSearch {
  readonly models: readonly HubModel[]
  readonly error: AppError | null
  readonly pending: boolean
  /** There is another page. */
  readonly hasMore: boolean
  more(): void
  retry(): void
}

interface State {
  models: readonly HubModel[]
  next: string | null
  error: AppError | null
  pending: boolean
}

/** Typing asks once it pauses. */
const PAUSE_MS = 300
const NOTHING: State = { models: [], next: null, error: null, pending: true }

/** Results for a query, page by page. A newer query drops the answers of the older one. */
export function useHubSearch(query: HubQuery): HubSearch {
  const client = useClient()
  const stable = useStable(query)
  const [state, setState] = useState(NOTHING)
  const current = useRef<AbortController | null>(null)

  const ask = useCallback(
    async (cursor: string | null) => {
      current.current?.abort()
      const abort = new AbortController()
      current.current = abort
      setState((before) => ({ ...(cursor === null ? NOTHING : before), pending: true, error: null }))
      try {
        const page = await client.call('hub.search', { query: stable, cursor }, { signal: abort.signal })
        if (abort.signal.aborted) return
        setState((before) => ({
          models: cursor === null ? page.models : [...before.models, ...page.models],
          next: page.next,
          error: null,
          pending: false,
        }))
      } catch (thrown) {
        if (abort.signal.aborted) return
        setState((before) => ({ ...before, pending: false, error: toAppError(thrown) }))
      }
    },
    [client, stable],
  )

  useEffect(() => {
    setState(NOTHING)
    const timer = setTimeout(() => void ask(null), PAUSE_MS)
    return () => {
      clearTimeout(timer)
      current.current?.abort()
    }
  }, [ask])

  const { models, next, error, pending } = state
  return {
    models,
    error,
    pending,
    hasMore: next !== null,
    more: () => next !== null && !pending && void ask(next),
    retry: () => void ask(models.length > 0 ? next : null),
  }
}
