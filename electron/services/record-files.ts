/**
 * Small records, one JSON file each, read when they are needed. The window and the command line may work on one data folder at the
 * same time: neither can overwrite what the other did, to another record or, with `update`, to the same.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import { AppError } from '../contract/errors.ts'
import { writeAtomically } from '../storage/atomic-write.ts'
import { withLock } from '../storage/process-lock.ts'
import { readJsonObject } from './model-config.ts'

export interface RecordFiles<T> {
  /** Null when there is none, or none that can be understood. */
  get(id: string): Promise<T | null>
  list(): Promise<T[]>
  set(id: string, value: T): Promise<void>
  /** Changes what is there, or writes the first value; no other process can change it in between. Null writes nothing. */
  update(id: string, change: (current: T | null) => T | null): Promise<void>
  remove(id: string): Promise<void>
}

export function createRecordFiles<S extends z.ZodType>(dir: string, schema: S): RecordFiles<z.output<S>> {
  type T = z.output<S>

  function pathOf(id: string): string {
    // Ids come from the window; a path must never come out of one.
    if (!/^[\w-]{1,100}$/.test(id)) throw new AppError('bad-input', 'This is not the id of a record.')
    return join(dir, `${id}.json`)
  }

  async function read(path: string): Promise<T | null> {
    const parsed = schema.safeParse(await readJsonObject(path).catch(() => null))
    return parsed.success ? parsed.data : null
  }

  const set = (id: string, value: T) => writeAtomically(pathOf(id), `${JSON.stringify(value)}\n`)

  return {
    get: async (id) => read(pathOf(id)),
    async list() {
      const names: string[] = await readdir(dir).catch(() => [])
      const all = await Promise.all(names.filter((name) => name.endsWith('.json')).map((name) => read(join(dir, name))))
      return all.filter((value) => value !== null)
    },
    set,
    update: (id, change) =>
      withLock(join(dir, '.lock'), async () => {
        const changed = change(await read(pathOf(id)))
        if (changed !== null) await set(id, changed)
      }),
    async remove(id) {
      await rm(pathOf(id), { force: true })
    },
  }
}
