/**
 * Locks between processes, as files that name their holder. A lock whose holder has died is taken over at once.
 *
 * Every holder writes a file of its own, `PATH.N`, with N one above the newest: the newest file says who holds the lock. It is
 * created with its content and never replaced by another holder, and one that was given back stays as a mark until the next
 * comes, so that N never falls. Two processes that find the same dead holder therefore race for one file name, which one wins.
 */
import { randomUUID } from 'node:crypto'
import { constants, readFileSync } from 'node:fs'
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../contract/errors.ts'
import { toWriteError } from './atomic-write.ts'

const holderSchema = z.object({
  pid: z.number().int(),
  /** Tells a process from a later one with the same id; null where the system does not say. */
  startedAt: z.string().nullable(),
  /** ISO time at which the lock was taken. */
  since: z.string(),
  released: z.boolean(),
})
export type LockHolder = z.infer<typeof holderSchema>

export interface HeldLock {
  release(): Promise<void>
}

/** A file without readable content is one being written, if it is younger than this. */
const WRITING_MS = 2_000
const WAIT_MS = 10
/** Locks around a write are held for milliseconds. */
const PATIENCE_MS = 10_000

/** Takes the lock or says who holds it. Rejects with `disk-full`, `not-writable` or `io`. */
export async function tryLock(path: string): Promise<HeldLock | { heldBy: LockHolder }> {
  for (;;) {
    const newest = (await generations(path)).at(-1) ?? 0
    if (newest > 0) {
      const holder = await readHolder(fileOf(path, newest))
      if (holder === 'gone') continue
      if (holder !== null && !holder.released && isAlive(holder)) return { heldBy: holder }
    }
    const own = newest + 1
    if (!(await createFile(fileOf(path, own), ownHolder()))) continue
    const others = await generations(path)
    // Someone took it over and perhaps gave it back while we looked.
    if (others.at(-1) !== own) {
      await rm(fileOf(path, own), { force: true })
      continue
    }
    await Promise.all(others.slice(0, -1).map((older) => rm(fileOf(path, older), { force: true })))
    return { release: () => markReleased(fileOf(path, own)) }
  }
}

/** Runs `work` while no other process, and no other caller here, holds the lock. Rejects with `busy` after ten seconds. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const lock = await tryLock(path)
    if ('release' in lock) {
      try {
        return await work()
      } finally {
        await lock.release()
      }
    }
    if (Date.now() > deadline) {
      throw new AppError('busy', `Process ${lock.heldBy.pid} has been writing ${dirname(path)} for too long; end it.`)
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS * (0.5 + Math.random())))
  }
}

function fileOf(path: string, generation: number): string {
  return `${path}.${generation}`
}

/** Ascending. */
async function generations(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`
  const names: string[] = await readdir(dirname(path)).catch(() => [])
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b)
}

/** Null when the content says nothing: left over from a crash in the middle of a write. */
async function readHolder(file: string): Promise<LockHolder | null | 'gone'> {
  try {
    const text = await readFile(file, 'utf8')
    const parsed = holderSchema.safeParse(parseJson(text))
    if (parsed.success) return parsed.data
    const age = Date.now() - (await stat(file)).mtimeMs
    if (age > WRITING_MS) return null
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS))
    return 'gone'
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'gone'
    throw new AppError('io', `${file} cannot be read.`, undefined, { cause: error })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** False when the file is there already. */
async function createFile(file: string, holder: LockHolder): Promise<boolean> {
  const fresh = join(dirname(file), `${basename(file)}-${randomUUID()}`)
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(fresh, JSON.stringify(holder))
    await link(fresh, file).catch((error: unknown) => {
      if (codeOf(error) === 'EEXIST') throw error
      // File systems without links.
      return copyFile(fresh, file, constants.COPYFILE_EXCL)
    })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw toWriteError(error, file)
  } finally {
    await rm(fresh, { force: true }).catch(() => {})
  }
}

async function markReleased(file: string): Promise<void> {
  const fresh = `${file}-${randomUUID()}`
  try {
    await writeFile(fresh, JSON.stringify({ ...ownHolder(), released: true }))
    await rename(fresh, file)
  } catch {
    // No room for the mark, or the folder itself is gone: without the file the lock is free as well.
    await rm(fresh, { force: true }).catch(() => {})
    await rm(file, { force: true }).catch(() => {})
  }
}

function ownHolder(): LockHolder {
  return { pid: process.pid, startedAt: startOf(process.pid), since: new Date().toISOString(), released: false }
}

function isAlive({ pid, startedAt }: LockHolder): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    if (codeOf(error) !== 'EPERM') return false
  }
  const started = startOf(pid)
  return startedAt === null || started === null || started === startedAt
}

/** Boot and clock ticks at the start of a process; 'ended' for one that only waits to be collected, null where unknown. */
function startOf(pid: number): string | null {
  if (process.platform !== 'linux') return null
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold anything; the state follows it, the start is the twentieth field after.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return 'ended'
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`
  } catch {
    return null
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
