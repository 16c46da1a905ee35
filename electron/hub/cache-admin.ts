/** What is in the shared cache, and taking things out of it without leaving a name that leads nowhere. */
import { lstat, readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { type CachedRepoInfo, scanCacheDir } from '@huggingface/hub'
import { AppError } from '../contract/errors.ts'
import type { CachedRepo } from '../contract/hub.ts'
import { toWriteError } from '../storage/atomic-write.ts'
import { tryLock } from '../storage/process-lock.ts'
import { type RepoFolder, repoFolder } from './cache-layout.ts'
import type { RepoName } from './hub-client.ts'
import { isCommit } from './path-names.ts'

/** All repositories that can be understood, the largest first. */
export async function listCache(cacheDir: string): Promise<CachedRepo[]> {
  if ((await stat(cacheDir).catch(() => null)) === null) return []
  const { repos } = await scanCacheDir(cacheDir)
  const described = await Promise.all(repos.map(describe))
  return described.filter((repo) => repo !== null).sort((a, b) => b.bytes - a.bytes)
}

async function describe(repo: CachedRepoInfo): Promise<CachedRepo | null> {
  const { type, name } = repo.id
  const blobs = join(repo.path, 'blobs')
  if (type !== 'model' && type !== 'dataset' && type !== 'space') return null
  return {
    type,
    name,
    // The library does not look into folders of a snapshot; the blobs are what takes room.
    bytes: Math.max(repo.size, await bytesOf(blobs, (blob) => /^[0-9a-f]+$/.test(blob))),
    unfinishedBytes: await bytesOf(blobs, (blob) => blob.endsWith('.incomplete')),
    usedAt: repo.lastAccessedAt.toISOString(),
    revisions: repo.revisions.map(({ commitOid, refs, size, files, path }) => ({
      commit: commitOid,
      refs,
      bytes: size,
      files: files.length,
      path,
    })),
  }
}

/** Bytes on the disk of the files that are meant, holes left out. */
async function bytesOf(dir: string, isMeant: (name: string) => boolean): Promise<number> {
  const names: string[] = await readdir(dir).catch(() => [])
  const infos = await Promise.all(names.filter(isMeant).map((name) => stat(join(dir, name)).catch(() => null)))
  return infos.reduce((sum, info) => sum + (info === null ? 0 : Math.min(info.size, info.blocks * 512)), 0)
}

/** Deletes a repository, or one revision and what only it needs. Throws `busy` while something is fetched, `not-found`. */
export async function removeFromCache(cacheDir: string, repo: RepoName, commit: string | null): Promise<void> {
  const folder = repoFolder(cacheDir, repo)
  if ((await stat(folder.path).catch(() => null)) === null) {
    throw new AppError('not-found', `${repo.name} is not in the cache.`)
  }
  await refuseWhileFetched(cacheDir, folder)
  try {
    if (commit === null) await rm(folder.path, { recursive: true, force: true })
    else await removeRevision(folder, commit)
  } catch (error) {
    throw error instanceof AppError ? error : toWriteError(error, folder.path)
  }
}

async function refuseWhileFetched(cacheDir: string, folder: RepoFolder): Promise<void> {
  const locks = join(cacheDir, '.locks', basename(folder.path))
  const names: string[] = await readdir(locks).catch(() => [])
  const paths = new Set(names.flatMap((name) => /^(.*\.parts\.lock)\.\d+$/.exec(name)?.[1] ?? []))
  for (const name of paths) {
    const lock = await tryLock(join(locks, name))
    if (!('release' in lock)) {
      throw new AppError('busy', `Files of it are being fetched (process ${lock.heldBy.pid}). Stop that first.`)
    }
    await lock.release()
  }
}

async function removeRevision(folder: RepoFolder, commit: string): Promise<void> {
  if (!isCommit(commit)) throw new AppError('bad-input', 'A revision in the cache is named by its commit.')
  const snapshots = join(folder.path, 'snapshots')
  const others = (await readdir(snapshots)).filter((name) => name !== commit)
  const own = await blobsOf(folder.snapshot(commit))
  const kept = new Set((await Promise.all(others.map((name) => blobsOf(join(snapshots, name))))).flat())
  // Names first: one that leads to no snapshot makes readers refuse the whole repository.
  for (const ref of await readdir(join(folder.path, 'refs'), { recursive: true })) {
    const path = join(folder.path, 'refs', ref)
    if ((await lstat(path)).isFile() && (await readFile(path, 'utf8')).trim() === commit) await rm(path)
  }
  await rm(folder.snapshot(commit), { recursive: true, force: true })
  for (const blob of own) if (!kept.has(blob)) await rm(blob, { force: true })
  if (others.length === 0) await rm(folder.path, { recursive: true, force: true })
}

/** Blobs that the links of a snapshot lead to. */
async function blobsOf(snapshot: string): Promise<string[]> {
  const entries = await readdir(snapshot, { recursive: true, withFileTypes: true }).catch(() => [])
  const links = entries.filter((entry) => entry.isSymbolicLink()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(links.map(async (link) => resolve(dirname(link), await readlink(link))))
}
