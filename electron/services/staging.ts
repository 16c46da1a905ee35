/**
 * The folder a model is made in, `NAME.partial`, until it is whole and is renamed to its place. It survives a crash and says for
 * which work it was begun, so that the same work goes on in it and other work does not mix with it.
 */
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../contract/errors.ts'
import { syncFolder, toWriteError } from '../storage/atomic-write.ts'
import { PROVENANCE_FILE } from './provenance.ts'

/** Holds the fingerprint of the work. */
const WORK_FILE = 'work.json'
/** Holds the process id of who works in the folder. */
const LOCK_FILE = 'lock'

export interface Staging {
  readonly dir: string
  /** True when it holds the finished part of an earlier run of the same work. */
  readonly resumed: boolean
  /** True when unfinished other work was thrown away to begin this. */
  readonly discarded: boolean
  write(name: string, content: string): Promise<void>
  /** Bit-exact. */
  copy(from: string, name: string): Promise<void>
  /** Removes everything but `files`, makes it durable and renames it to its place. */
  publish(files: readonly string[]): Promise<void>
  /** Lets others work in it; keeps what is there. */
  release(): Promise<void>
}

export function stagingDirOf(outDir: string): string {
  return `${outDir}.partial`
}

export interface StagingOptions {
  outDir: string
  fingerprint: string
  overwrite: boolean
  /** False throws away what an earlier run left. */
  resume: boolean
}

/** Throws `bad-input` when the place is taken, `busy` when another process works on it, `not-writable`, `disk-full` or `io`. */
export async function openStaging({ outDir, fingerprint, overwrite, resume }: StagingOptions): Promise<Staging> {
  const dir = stagingDirOf(outDir)
  await checkPlace(outDir, overwrite)
  const found = await workIn(dir)
  if (found === 'foreign') {
    throw new AppError(
      'bad-input',
      `${dir} exists and is not an unfinished model of this app. Move it away or choose another folder.`,
    )
  }
  const resumed = resume && found === fingerprint
  return guarded(dir, async () => {
    if (found !== 'none') await refuseIfLocked(dir)
    if (!resumed) await rm(dir, { recursive: true, force: true })
    await mkdir(dir, { recursive: true })
    await writeDurably(join(dir, LOCK_FILE), String(process.pid))
    if (!resumed) await writeDurably(join(dir, WORK_FILE), fingerprint)
    return {
      dir,
      resumed,
      discarded: found !== 'none' && !resumed,
      write: (name, content) => guarded(dir, () => writeDurably(join(dir, name), content)),
      copy: (from, name) => guarded(dir, () => copyDurably(from, join(dir, name))),
      publish: (files) => guarded(outDir, () => publish(dir, outDir, files)),
      release: () => rm(join(dir, LOCK_FILE), { force: true }),
    }
  })
}

/** Whether an unfinished result is there to go on with. */
export async function hasUnfinished(outDir: string): Promise<boolean> {
  const found = await workIn(stagingDirOf(outDir))
  return found !== 'none' && found !== 'foreign' && found !== 'complete'
}

/** Deletes an unfinished result of this app, and nothing else. */
export async function discardUnfinished(outDir: string): Promise<void> {
  const dir = stagingDirOf(outDir)
  const found = await workIn(dir)
  if (found === 'none' || found === 'foreign') return
  await refuseIfLocked(dir)
  await guarded(dir, () => rm(dir, { recursive: true, force: true }))
}

/** Throws `bad-input` when something else is at the place already. */
export async function checkPlace(outDir: string, overwrite: boolean): Promise<void> {
  const info = await stat(outDir).catch(() => null)
  if (info === null) return
  if (!info.isDirectory()) throw new AppError('bad-input', `${outDir} is a file. Choose another folder.`)
  const names: string[] = await readdir(outDir)
  if (names.length === 0) return
  const isModel = names.includes('config.json')
  if (overwrite && isModel) return
  throw new AppError(
    'bad-input',
    isModel
      ? `${outDir} already holds a model. Choose another folder, or replace it (--force on the command line).`
      : `${outDir} is not empty. Choose a new folder.`,
  )
}

/** The fingerprint of the work in a folder; `complete` when only the rename was missing. */
async function workIn(dir: string): Promise<string> {
  const names: string[] | null = await readdir(dir).catch(() => null)
  if (names === null || names.length === 0) return 'none'
  if (names.includes(WORK_FILE)) return readFile(join(dir, WORK_FILE), 'utf8')
  // A crash between making the folder and naming its work leaves the lock alone.
  if (names.includes(PROVENANCE_FILE) || names.every((name) => name === LOCK_FILE)) return 'complete'
  return 'foreign'
}

async function refuseIfLocked(dir: string): Promise<void> {
  const pid = Number(await readFile(join(dir, LOCK_FILE), 'utf8').catch(() => ''))
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid || !isAlive(pid)) return
  throw new AppError(
    'busy',
    `Process ${pid} is writing to ${dir}. Wait for it, or delete ${join(dir, LOCK_FILE)} if it is not this app.`,
  )
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

async function publish(dir: string, outDir: string, files: readonly string[]): Promise<void> {
  const wanted = new Set(files)
  const leftovers = (await readdir(dir)).filter((name) => !wanted.has(name))
  // The work file goes last: without it an interrupted publish could not be told from a stranger's folder.
  for (const name of leftovers.filter((other) => other !== WORK_FILE))
    await rm(join(dir, name), { recursive: true, force: true })
  await rm(join(dir, WORK_FILE), { force: true })
  await syncFolder(dir)
  const replaced = `${outDir}.replaced`
  await rm(replaced, { recursive: true, force: true })
  const existed = (await stat(outDir).catch(() => null)) !== null
  if (existed) await rename(outDir, replaced)
  await rename(dir, outDir)
  await syncFolder(dirname(outDir))
  if (existed) await rm(replaced, { recursive: true, force: true })
}

async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  const file = await open(to, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function guarded<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    throw error instanceof AppError ? error : toWriteError(error, path)
  }
}
