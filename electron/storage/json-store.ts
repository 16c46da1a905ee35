/** One JSON file, checked by a schema when it is read and replaced atomically when it is written. */
import { readFile, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { z } from 'zod'
import { AppError } from '../contract/errors.ts'
import { writeAtomically } from './atomic-write.ts'
import { withLock } from './process-lock.ts'

export interface JsonStoreOptions<T> {
  readonly path: string
  readonly schema: z.ZodType<T>
  /** What an absent or unreadable file counts as. */
  readonly fallback: () => T
  /** Hears that a file could not be understood, and where it was kept. */
  readonly onCorrupt?: (keptAs: string, reason: string) => void
}

export interface JsonStore<T> {
  /** The last value written or read; `fallback` before `load`. */
  get(): T
  /** Resolves when the value is on disk. Writes follow each other in order; `get` has the new value at once. */
  set(value: T): Promise<void>
  /**
   * Changes what is on disk now, which another process may have written since; no other process can write in between.
   * Resolves with the new value when it is on disk.
   */
  update(change: (current: T) => T): Promise<T>
}

/**
 * Reads the file. One that is not JSON or does not fit the schema is renamed to `NAME.corrupt-TIME`, so that nothing is
 * lost and the app starts. Rejects with `io` when the file is there and cannot be read.
 */
export async function openJsonStore<T>(options: JsonStoreOptions<T>): Promise<JsonStore<T>> {
  const { path } = options
  let value: T = await load(options)
  let last: Promise<unknown> = Promise.resolve()
  const lock = join(dirname(path), `.${basename(path)}.lock`)

  /** After everything that was asked for before. */
  function inTurn<R>(work: () => Promise<R>): Promise<R> {
    const done = last.catch(() => {}).then(work)
    last = done
    return done
  }

  return {
    get: () => value,
    set(next) {
      value = next
      const text = `${JSON.stringify(next, null, 2)}\n`
      return inTurn(() => writeAtomically(path, text))
    },
    update: (change) =>
      inTurn(() =>
        withLock(lock, async () => {
          const next = change(await load(options))
          await writeAtomically(path, `${JSON.stringify(next, null, 2)}\n`)
          value = next
          return next
        }),
      ),
  }
}

async function load<T>({ path, schema, fallback, onCorrupt }: JsonStoreOptions<T>): Promise<T> {
  const text = await readIfThere(path)
  if (text === undefined) return fallback()
  try {
    return schema.parse(JSON.parse(text))
  } catch (thrown) {
    const keptAs = `${path}.corrupt-${Date.now()}`
    await rename(path, keptAs)
    onCorrupt?.(keptAs, thrown instanceof Error ? thrown.message : String(thrown))
    return fallback()
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new AppError('io', `${path} cannot be read.`, undefined, { cause })
  }
}
