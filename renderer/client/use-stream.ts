import { useEffect, useRef } from 'react'
import type { AppContract } from '../../electron/contract/app.ts'
import { type AppError, toAppError } from '../../electron/contract/errors.ts'
import type { OutputOf } from '../../electron/contract/method.ts'
import { useClient, useConnection } from './context.tsx'
import type { AppStream, EventFor, InputFor } from './query-cache.ts'
import { useStable } from './use-query.ts'

export interface UseStreamOptions<M extends AppStream> {
  enabled?: boolean
  /** Subscribes again when it changes, e.g. when a job that had ended was started once more. */
  restartKey?: string | number
  /** Before each subscription, the first and those after a reconnect: forget what the last one built up. */
  onStart?(): void
  onEvent(event: EventFor<M>): void
  onDone?(output: OutputOf<AppContract[M]>): void
  /** Not called for a cancellation or a lost connection: the stream starts again by itself. */
  onError?(error: AppError): void
}

/**
 * Runs a stream while the component is shown: aborted on unmount or when method or input change, subscribed again when
 * the connection comes back. For snapshots that several components show prefer useWatch; for a stream that a press
 * starts (a chat answer) call `client.stream` from a store.
 */
export function useStream<M extends AppStream>(method: M, input: InputFor<M>, options: UseStreamOptions<M>): void {
  const client = useClient()
  const { epoch } = useConnection()
  const stable = useStable(input)
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const enabled = options.enabled ?? true
  const { restartKey } = options
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new epoch is a new server, a new key a new run: both must be asked again
  useEffect(() => {
    if (!enabled) return
    const abort = new AbortController()
    latest.current.onStart?.()
    client
      .stream(method, stable, {
        signal: abort.signal,
        onEvent: (event) => {
          if (!abort.signal.aborted) latest.current.onEvent(event)
        },
      })
      .then(
        (output) => !abort.signal.aborted && latest.current.onDone?.(output),
        (thrown: unknown) => {
          const error = toAppError(thrown)
          if (abort.signal.aborted || error.code === 'cancelled' || error.code === 'connection-lost') return
          latest.current.onError?.(error)
        },
      )
    return () => abort.abort()
  }, [client, method, stable, enabled, epoch, restartKey])
}
