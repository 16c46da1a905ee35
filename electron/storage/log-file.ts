/** The app's log: lines with a time, in one file that is put aside when it has grown. */
import { createWriteStream, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'

const LIMIT_BYTES = 5_000_000

export interface LogFile {
  readonly path: string
  write(line: string): void
  close(): Promise<void>
}

/** Opens `logs/hqq-studio.log` in the data folder. A log that cannot be written never stops the app. */
export function openLogFile(dataDir: string): LogFile {
  const folder = join(dataDir, 'logs')
  const path = join(folder, 'hqq-studio.log')
  mkdirSync(folder, { recursive: true })
  rotate(path)
  const stream = createWriteStream(path, { flags: 'a' })
  stream.on('error', () => {})
  return {
    path,
    write: (line) => void stream.write(`${new Date().toISOString()} ${line}\n`),
    close: () => new Promise((resolve) => stream.end(() => resolve())),
  }
}

/** Keeps one older file. */
function rotate(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > LIMIT_BYTES) renameSync(path, `${path}.1`)
}
