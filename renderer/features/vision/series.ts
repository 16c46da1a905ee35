/** The same work for several versions, one after the other since the engine does one thing at a time. Without React. */
import { createStore, type StoreApi } from 'zustand/vanilla'
import { type AppError, toAppError } from '../../../electron/contract/errors.ts'

export interface SeriesState<Q, R> {
  readonly running: boolean
  /** What is running or ran last. */
  readonly asked: Q | null
  /** Of the version that is under way. */
  readonly progress: { readonly modelId: string; readonly done: number; readonly total: number } | null
  /** By version; of the one under way as far as it has come. */
  readonly results: Readonly<Record<string, R>>
  readonly error: AppError | null
}

export interface SeriesWork<R> {
  readonly signal: AbortSignal
  progress(done: number, total: number): void
  partial(result: R): void
}

export interface Series<Q, R> {
  readonly store: StoreApi<SeriesState<Q, R>>
  /** In place of one that is running. */
  start(asked: Q, modelIds: readonly string[]): Promise<void>
  stop(): void
  /** Results that are about something else now. */
  forget(): void
}

export function createSeries<Q, R>(
  work: (asked: Q, modelId: string, calls: SeriesWork<R>) => Promise<R>,
): Series<Q, R> {
  const blank: SeriesState<Q, R> = { running: false, asked: null, progress: null, results: {}, error: null }
  const store = createStore<SeriesState<Q, R>>(() => blank)
  let current: AbortController | null = null

  return {
    store,
    async start(asked, modelIds) {
      current?.abort()
      const run = new AbortController()
      current = run
      store.setState({ ...blank, running: true, asked })
      // What an older run still tells is not about this one.
      const tell = (state: Partial<SeriesState<Q, R>>) => current === run && store.setState(state)
      const keep = (modelId: string, result: R) => tell({ results: { ...store.getState().results, [modelId]: result } })
      try {
        for (const modelId of modelIds) {
          tell({ progress: { modelId, done: 0, total: 0 } })
          const calls: SeriesWork<R> = {
            signal: run.signal,
            progress: (done, total) => tell({ progress: { modelId, done, total } }),
            partial: (result) => keep(modelId, result),
          }
          keep(modelId, await work(asked, modelId, calls))
          if (run.signal.aborted) break
        }
        tell({ running: false, progress: null })
      } catch (thrown) {
        const error = toAppError(thrown)
        tell({ running: false, progress: null, error: error.code === 'cancelled' ? null : error })
      }
    },
    stop: () => current?.abort(),
    forget() {
      current?.abort()
      current = null
      store.setState(blank)
    },
  }
}
