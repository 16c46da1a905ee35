/** Sends what was written to the disk while more arrives: without it the sync at the end waits for everything at once. */
import type { FileHandle } from 'node:fs/promises'

export interface BackgroundSync {
  wrote(bytes: number): void
  /** Waits for the sync under way. Throws what any of them threw: the bytes of a failed one may be lost. */
  settle(): Promise<void>
}

/** Often enough that little is left at the end, seldom enough that no small writes come of it. */
const SYNC_BYTES = 128 * 2 ** 20

export function createBackgroundSync(file: FileHandle): BackgroundSync {
  let waiting = 0
  let running: Promise<void> | null = null
  let failure: { error: unknown } | null = null

  function start(): void {
    if (running !== null || waiting < SYNC_BYTES) return
    waiting = 0
    running = file
      .datasync()
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => {
        running = null
        start()
      })
  }

  return {
    wrote(bytes) {
      waiting += bytes
      start()
    },
    async settle() {
      waiting = 0
      while (running !== null) await running
      if (failure !== null) throw failure.error
    },
  }
}
