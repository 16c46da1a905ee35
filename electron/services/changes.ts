/** "Something changed": services tell it, streams to the window follow with a fresh snapshot. */
import { toAppError } from '../contract/errors.ts'
import type { StreamContext } from '../rpc/server.ts'

export interface Changes {
  notify(): void
  /** Returns how to stop listening. */
  listen(listener: () => void): () => void
}

export function createChanges(): Changes {
  const listeners = new Set<() => void>()
  return {
    notify() {
      for (const listener of [...listeners]) listener()
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Emits a snapshot now and after changes, until the caller goes away. Changes while a snapshot is taken give one more. */
export function watchSnapshots<T>(
  changes: Changes,
  snapshot: () => Promise<T> | T,
  { signal, emit }: StreamContext<T>,
): Promise<Record<string, never>> {
  return new Promise((resolve, reject) => {
    let busy = false
    let again = false
    const stop = changes.listen(() => void send())
    const finish = (end: () => void) => {
      stop()
      end()
    }
    signal.addEventListener('abort', () => finish(() => resolve({})), { once: true })

    async function send(): Promise<void> {
      again = true
      if (busy) return
      busy = true
      try {
        while (again && !signal.aborted) {
          again = false
          emit(await snapshot())
        }
      } catch (error) {
        finish(() => reject(toAppError(error)))
      } finally {
        busy = false
      }
    }
    void send()
  })
}
