import { useCallback, useEffect, useRef, useState } from 'react'
import { type AppError, toAppError } from '../../electron/contract/errors.ts'

export interface Action<A extends readonly unknown[], T> {
  /** Runs it; resolves to undefined when it failed (see `error`). */
  run(...args: A): Promise<T | undefined>
  readonly pending: boolean
  readonly error: AppError | null
  reset(): void
}

/** Something a press does: keeps pending and error, never throws. A cancellation is not an error. */
export function useAction<A extends readonly unknown[], T>(work: (...args: A) => Promise<T>): Action<A, T> {
  const [state, setState] = useState<{ pending: boolean; error: AppError | null }>({ pending: false, error: null })
  const latest = useRef(work)
  useEffect(() => {
    latest.current = work
  })
  const run = useCallback(async (...args: A): Promise<T | undefined> => {
    setState({ pending: true, error: null })
    try {
      const result = await latest.current(...args)
      setState({ pending: false, error: null })
      return result
    } catch (thrown) {
      const error = toAppError(thrown)
      setState({ pending: false, error: error.code === 'cancelled' ? null : error })
      return undefined
    }
  }, [])
  const reset = useCallback(() => setState({ pending: false, error: null }), [])
  return { run, ...state, reset }
}
