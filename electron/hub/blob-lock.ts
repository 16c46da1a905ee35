/**
 * One process at a time, by a file that names who holds it. A holder that died without letting go is recognised: its process is gone,
 * or its number belongs to a process that was started later.
 */
import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface ProcessLock {
  release(): Promise<void>
}

/** Null when another living process, or another part of this one, holds it. */
export async function tryLock(path: string): Promise<ProcessLock | null> {
  const own = { pid: process.pid, started: await startOf(process.pid), id: randomUUID() }
  const text = JSON.stringify(own)
  const fresh = `${path}.${own.id}`
  await mkdir(dirname(path), { recursive: true })
  await writeFile(fresh, text)
  try {
    // Twice: the second time a dead holder's file has been moved away.
    for (let round = 0; round < 2; round++) {
      if (await linked(fresh, path)) return { release: () => releaseOwn(path, text) }
      if (!(await removeDead(path, fresh))) return null
    }
    return null
  } finally {
    await rm(fresh, { force: true })
  }
}

/** The process that holds the lock, for messages; null when it is free or its file cannot be understood. */
export async function holderOf(path: string): Promise<number | null> {
  return parse(await readFile(path, 'utf8').catch(() => ''))?.pid ?? null
}

/** Linking is the one way to make a file with its content in a single step that fails when it is there. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** True when the place may be tried again. */
async function removeDead(path: string, fresh: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return true
  const holder = parse(text)
  if (holder !== null && (await isAlive(holder))) return false
  const aside = `${fresh}.dead`
  try {
    await rename(path, aside)
  } catch {
    return true
  }
  // Another process may have been faster, and this is its new lock: put it back.
  const moved = await readFile(aside, 'utf8').catch(() => null)
  if (moved !== null && moved !== text) await linked(aside, path)
  await rm(aside, { force: true })
  return true
}

async function releaseOwn(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => null)) === text) await rm(path, { force: true })
}

interface Holder {
  pid: number
  started: string
}

function parse(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('started' in value)) return null
    const { pid, started } = value
    return typeof pid === 'number' && typeof started === 'string' && pid > 0 ? { pid, started } : null
  } catch {
    return null
  }
}

async function isAlive({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const now = await startOf(pid)
  return started === '' || now === '' || now === started
}

/** When a process was started, in the kernel's own unit; empty where that is not told. */
async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name in parentheses may hold spaces; the start is the 20th field after it.
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
