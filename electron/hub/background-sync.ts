/** Sends what was written to the disk while more arrives: without it the sync at the end waits for everything at once. */
import type { FileHandle } from 'node:fs/promises'

export interface BackgroundSync {
  wrote(bytes: number): void
  /** Everything was written: sends the rest. Throws what any sync threw: the bytes of a failed one may be lost. */
  finish(): Promise<void>
  /** Waits for the sync under way, whatever comes of it; no other follows. */
  settle(): Promise<void>
}

/** Often enough that little is left at the end, seldom enough that no small writes come of it. */
const SYNC_BYTES = 32 * 2 ** 20

export function createBackgroundSync(file: FileHandle): BackgroundSync {
  let waiting = 0
  let running: Promise<void> | null = null
  let failure: { error: unknown } | null = null

  function start(): void {
    if (running !== null || waiting < SYNC_BYTES) return
    waiting = 0
    sync(() => file.datasync())
  }

  function sync(work: () => Promise<void>): void {
    running = work()
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => {
        running = null
        start()
      })
  }

  async function settle(): Promise<void> {
    waiting = 0
    while (running !== null) await running
  }

  return {
    wrote(bytes) {
      waiting += bytes
      start()
    },
    async finish() {
      await settle()
      sync(() => file.sync())
      await settle()
      if (failure !== null) throw failure.error
    },
    settle,
  }
}
