/** Hears that other programs changed something in a folder. */
import { mkdirSync, watch } from 'node:fs'

/** A change of one thing is several events. */
const SETTLE_MS = 200

/** Calls `onChange` once for changes that follow each other closely; returns how to stop. Where folders cannot be watched, never. */
export function watchFolder(path: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  try {
    mkdirSync(path, { recursive: true })
    const watcher = watch(path, { persistent: false }, () => {
      clearTimeout(timer)
      timer = setTimeout(onChange, SETTLE_MS).unref()
    })
    // The folder went away, or the system's watches ran out.
    watcher.on('error', () => watcher.close())
    return () => {
      clearTimeout(timer)
      watcher.close()
    }
  } catch {
    return () => {}
  }
}
