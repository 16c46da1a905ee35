/**
 * The cache folder that Python's huggingface_hub and this app share: `models--OWNER--NAME/{blobs,snapshots,refs}`. A blob is named by
 * its hash and is there only when it is whole; a snapshot holds links to blobs. Unfinished files have names of our own, since
 * Python's `HASH.incomplete` must be a part without gaps.
 */
import { copyFile, lstat, mkdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { toWriteError, writeAtomically } from '../storage/atomic-write.ts'
import type { ContentId } from './content-hash.ts'
import type { RepoName } from './hub-client.ts'
import { isCommit } from './path-names.ts'

export interface RepoFolder {
  readonly path: string
  blob(id: ContentId): string
  /** Where a blob grows until it is whole. */
  partial(id: ContentId): string
  lock(id: ContentId): string
  snapshot(commit: string): string
  ref(revision: string): string
}

export function repoFolder(cacheDir: string, { type, name }: RepoName): RepoFolder {
  const folder = [`${type}s`, ...name.split('/')].join('--')
  const path = join(cacheDir, folder)
  return {
    path,
    blob: (id) => join(path, 'blobs', id.hex),
    partial: (id) => join(path, 'blobs', `${id.hex}.parts.incomplete`),
    lock: (id) => join(cacheDir, '.locks', folder, `${id.hex}.parts.lock`),
    snapshot: (commit) => join(path, 'snapshots', commit),
    ref: (revision) => join(path, 'refs', ...revision.split('/')),
  }
}

/** Readers take a repository without `snapshots` or `refs` for damaged, so these come first. */
export async function prepareRepoFolder({ path }: RepoFolder): Promise<void> {
  try {
    for (const name of ['snapshots', 'refs', 'blobs']) await mkdir(join(path, name), { recursive: true })
  } catch (error) {
    throw toWriteError(error, path)
  }
}

/** Puts a whole blob into a snapshot: a relative link, or a copy where links are refused. */
export async function linkIntoSnapshot(folder: RepoFolder, commit: string, path: string, id: ContentId): Promise<void> {
  const place = join(folder.snapshot(commit), ...path.split('/'))
  const target = relative(dirname(place), folder.blob(id))
  try {
    await mkdir(dirname(place), { recursive: true })
    if ((await readlink(place).catch(() => null)) === target) return
    // Renamed over what is there, so that a reader finds the old link or the new one.
    const fresh = `${place}.${process.pid}.link`
    await rm(fresh, { force: true })
    await symlink(target, fresh).catch((error: unknown) => {
      if (process.platform !== 'win32') throw error
      return copyFile(folder.blob(id), fresh)
    })
    await rename(fresh, place)
  } catch (error) {
    throw toWriteError(error, place)
  }
}

/** Names the commit a branch or tag stands for. Its snapshot must be there: a name without one makes readers refuse the folder. */
export async function writeRef(folder: RepoFolder, revision: string, commit: string): Promise<void> {
  if (isCommit(revision)) return
  const known = await readFile(folder.ref(revision), 'utf8').catch(() => null)
  if (known !== commit) await writeAtomically(folder.ref(revision), commit)
}

/** The commit a revision stood for when it was last fetched; null when that is not known. */
export async function cachedCommit(folder: RepoFolder, revision: string): Promise<string | null> {
  if (isCommit(revision)) return (await isFolder(folder.snapshot(revision))) ? revision : null
  const text = await readFile(folder.ref(revision), 'utf8').catch(() => null)
  return text !== null && isCommit(text.trim()) ? text.trim() : null
}

/** Whether the whole content is there. A blob of another size was damaged by something else. */
export async function hasBlob(folder: RepoFolder, id: ContentId, bytes: number): Promise<boolean> {
  const info = await stat(folder.blob(id)).catch(() => null)
  return info?.isFile() === true && info.size === bytes
}

/** Bytes of an unfinished blob that are on disk already. */
export async function partialBytes(folder: RepoFolder, id: ContentId): Promise<number> {
  const info = await stat(folder.partial(id)).catch(() => null)
  return info === null ? 0 : Math.min(info.size, info.blocks * 512)
}

/** Removes a blob that is not what its name says. Links to it stay and lead to the next download of it. */
export async function dropBlob(folder: RepoFolder, id: ContentId): Promise<void> {
  await rm(folder.blob(id), { force: true })
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isDirectory() ?? false
}
