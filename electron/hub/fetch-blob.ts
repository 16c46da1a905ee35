/** One blob of the shared cache: fetched by one process at a time, renamed to its hash only when the hash is right. */
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../contract/errors.ts'
import { syncFolder, toWriteError } from '../storage/atomic-write.ts'
import { tryLock } from '../storage/process-lock.ts'
import { hasBlob, type RepoFolder } from './cache-layout.ts'
import { chunkMapPath, type FetchOptions, fetchFile } from './fetch-file.ts'
import { sleep } from './retry.ts'

export interface BlobOptions extends Omit<FetchOptions, 'path'> {
  folder: RepoFolder
  /** Waiting for another process that fetches the same blob. */
  onWaiting?(pid: number): void
}

/** How often a blob that another process fetches is looked at. */
const LOOK_MS = 500

/** Returns when the whole blob is in the cache. Bytes that were there before are not told. */
export async function fetchBlob(options: BlobOptions): Promise<void> {
  const { folder, source, signal } = options
  const { id, bytes } = source.file
  const lockPath = folder.lock(id)
  let told = false
  for (;;) {
    if (await hasBlob(folder, id, bytes)) return
    const lock = await tryLock(lockPath)
    if ('release' in lock) {
      try {
        if (!(await hasBlob(folder, id, bytes))) await fetchInto(options)
        return
      } finally {
        await lock.release()
      }
    }
    if (!told) options.onWaiting?.(lock.heldBy.pid)
    told = true
    await sleep(LOOK_MS, signal).catch((cause: unknown) => {
      throw new AppError('cancelled', 'cancelled', undefined, { cause })
    })
  }
}

async function fetchInto(options: BlobOptions): Promise<void> {
  const { folder, source } = options
  const { id } = source.file
  const path = folder.partial(id)
  await fetchFile({ ...options, path })
  try {
    await rename(path, folder.blob(id))
    await rm(chunkMapPath(path), { force: true })
    await syncFolder(dirname(path))
  } catch (error) {
    throw toWriteError(error, path)
  }
}
