/** Files of one commit into the shared cache: several at once, the small ones first, and the snapshot linked only when all are whole. */
import { mkdir } from 'node:fs/promises'
import { AppError } from '../contract/errors.ts'
import { hasBlob, linkIntoSnapshot, partialBytes, prepareRepoFolder, repoFolder, writeRef } from './cache-layout.ts'
import { checkFreeSpace, createSpaceGuard, type FreeBytes } from './disk-space.ts'
import { fetchBlob } from './fetch-blob.ts'
import type { FetchTuning } from './fetch-file.ts'
import { createFileSource, type RepoFile } from './file-source.ts'
import type { HubClient, RepoName } from './hub-client.ts'
import type { Threads } from './mover/threads.ts'
import type { RateLimit } from './rate-limit.ts'
import type { RetryPolicy } from './retry.ts'

export interface DownloadDeps {
  client: HubClient
  cacheDir: string
  tuning: FetchTuning
  /** Files that are fetched at the same time. */
  parallelFiles: number
  retry: RetryPolicy
  limit: RateLimit
  threads: Threads
  freeBytes: FreeBytes
  /** Free space that a download leaves. */
  floorBytes: number
}

export interface DownloadRequest {
  repo: RepoName
  /** What was asked for: a branch, tag or commit. */
  revision: string
  commit: string
  files: readonly RepoFile[]
  signal: AbortSignal
  onProgress(progress: DownloadProgress): void
  onNote?(text: string): void
}

export interface DownloadProgress {
  bytesDone: number
  bytesTotal: number
  filesDone: number
  filesTotal: number
  /** Of the files under way. */
  current: string | null
}

/** Returns the snapshot's folder. Throws AppError; what has arrived stays for the next time. */
export async function downloadFiles(deps: DownloadDeps, request: DownloadRequest): Promise<string> {
  const { client, cacheDir, limit, retry, tuning, threads } = deps
  const { repo, commit, revision, signal } = request
  const folder = repoFolder(cacheDir, repo)
  const files = [...request.files].sort((a, b) => a.bytes - b.bytes)
  const missing = await missingOf(deps, request)
  await checkFreeSpace({ ...deps, path: cacheDir, neededBytes: missing.bytes })
  await prepareRepoFolder(folder)
  const guard = createSpaceGuard({ ...deps, path: cacheDir })

  const bytesTotal = files.reduce((sum, file) => sum + file.bytes, 0)
  const underWay = new Set<string>()
  const progress = { bytesDone: 0, bytesTotal, filesDone: 0, filesTotal: files.length }
  const tell = () => request.onProgress({ ...progress, current: [...underWay].join(', ') || null })

  await inParallel(files, deps.parallelFiles, signal, async (file, abort) => {
    if (await hasBlob(folder, file.id, file.bytes)) progress.bytesDone += file.bytes
    else {
      let own = 0
      underWay.add(file.path)
      tell()
      await fetchBlob({
        folder,
        source: createFileSource({ client, repo, commit, file }),
        tuning,
        retry,
        limit,
        threads,
        signal: abort,
        onBytes(bytes) {
          own += bytes
          progress.bytesDone += bytes
          tell()
        },
        onChunk: guard,
        onWaiting: (pid) => request.onNote?.(`Process ${pid} is fetching ${file.path}; waiting for it.`),
      })
      // What another process fetched counts as well.
      progress.bytesDone += file.bytes - own
      underWay.delete(file.path)
    }
    progress.filesDone += 1
    tell()
  })

  await mkdir(folder.snapshot(commit), { recursive: true })
  for (const file of files) await linkIntoSnapshot(folder, commit, file.path, file.id)
  await writeRef(folder, revision, commit)
  return folder.snapshot(commit)
}

/** What is still to be fetched. */
export async function missingOf(
  { cacheDir }: Pick<DownloadDeps, 'cacheDir'>,
  { repo, files }: Pick<DownloadRequest, 'repo' | 'files'>,
): Promise<{ bytes: number; files: number }> {
  const folder = repoFolder(cacheDir, repo)
  let bytes = 0
  let count = 0
  for (const file of files) {
    if (await hasBlob(folder, file.id, file.bytes)) continue
    count += 1
    bytes += Math.max(0, file.bytes - (await partialBytes(folder, file.id)))
  }
  return { bytes, files: count }
}

/** Runs `work` on each item, `width` at a time; the first failure stops the others and is thrown when all have stopped. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const both = AbortSignal.any([signal, failed.signal])
  const waiting = [...items]
  const workers = Array.from({ length: Math.min(width, items.length) }, async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      if (signal.aborted) throw new AppError('cancelled', 'cancelled')
      if (failed.signal.aborted) return
      try {
        await work(item, both)
      } catch (error) {
        if (!failed.signal.aborted) failed.abort(error)
        throw error
      }
    }
  })
  await Promise.allSettled(workers)
  if (failed.signal.aborted) throw failed.signal.reason
}
