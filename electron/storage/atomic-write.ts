/** Replaces a file so that a crash at any moment leaves the old content or the new, never a mixture. */
import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../contract/errors.ts'

/** Makes missing folders. Rejects with `disk-full`, `not-writable` or `io`. */
export async function writeAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const fresh = `${path}.${randomUUID()}.new`
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(fresh, 'w')
    try {
      await file.writeFile(content)
      // Without this a power cut may keep the rename and lose the bytes.
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(fresh, path)
    await syncFolder(dirname(path))
  } catch (thrown) {
    await rm(fresh, { force: true }).catch(() => {})
    throw toWriteError(thrown, path)
  }
}

/** Makes renames in a folder durable. Windows cannot open folders; there the journal of the file system does it. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** A failed write as an error a person can act on. */
export function toWriteError(thrown: unknown, path: string): AppError {
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  const code = 'code' in cause ? cause.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError(
      'disk-full',
      `The disk is full: ${path} could not be written. Free some space and try again.`,
      undefined,
      { cause },
    )
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new AppError('not-writable', `${path} cannot be written: no permission, or a read-only disk.`, undefined, {
      cause,
    })
  }
  return new AppError('io', `${path} could not be written: ${cause.message}`, undefined, { cause })
}
