/** A stream that a press starts and another one stops: its progress, and its result or its error. Without React. */
import { createStore, type StoreApi } from 'zustand/vanilla'
import type { AppContract } from '../../electron/contract/app.ts'
import { type AppError, toAppError } from '../../electron/contract/errors.ts'
import type { OutputOf } from '../../electron/contract/method.ts'
import type { AppClient } from './connection.ts'
import type { AppStream, EventFor, InputFor } from './query-cache.ts'

export interface RunState<M extends AppStream, P> {
  readonly running: boolean
  /** What is running or ran last. */
  readonly input: InputFor<M> | null
  readonly progress: P
  readonly result: OutputOf<AppContract[M]> | null
  readonly error: AppError | null
}

export interface StreamRun<M extends AppStream, P> {
  readonly store: StoreApi<RunState<M, P>>
  /** In place of one that is running. */
  start(input: InputFor<M>): Promise<OutputOf<AppContract[M]> | null>
  stop(): void
}

export interface StreamRunOptions<M extends AppStream, P> {
  method: M
  /** Before the first event of each run. */
  initial: P
  reduce(progress: P, event: EventFor<M>): P
}

export function createStreamRun<M extends AppStream, P>(
  client: AppClient,
  { method, initial, reduce }: StreamRunOptions<M, P>,
): StreamRun<M, P> {
  const store = createStore<RunState<M, P>>(() => ({
    running: false,
    input: null,
    progress: initial,
    result: null,
    error: null,
  }))
  let current: AbortController | null = null

  return {
    store,
    async start(input) {
      current?.abort()
      const run = new AbortController()
      current = run
      store.setState({ running: true, input, progress: initial, result: null, error: null })
      // What an older run still tells is not about this one.
      const tell = (state: Partial<RunState<M, P>>) => current === run && store.setState(state)
      try {
        const result = await client.stream(method, input, {
          signal: run.signal,
          onEvent: (event) => tell({ progress: reduce(store.getState().progress, event) }),
        })
        // An answer that came when it had been told to stop is not wanted any more.
        const wanted = run.signal.aborted ? null : result
        tell({ running: false, result: wanted })
        return wanted
      } catch (thrown) {
        const error = toAppError(thrown)
        tell({ running: false, error: error.code === 'cancelled' ? null : error })
        return null
      }
    },
    stop: () => current?.abort(),
  }
}
