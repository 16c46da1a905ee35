/**
 * One file into one place on disk: pieces over several connections at once, each tried again where it broke, and a hash that follows
 * as far as the pieces are without a gap. It returns only when every byte is there and the hash is the one the Hub named.
 */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { AppError } from '../contract/errors.ts'
import { toWriteError } from '../storage/atomic-write.ts'
import { createBackgroundSync } from './background-sync.ts'
import { type ChunkMap, openChunkMap } from './chunk-map.ts'
import { startHash } from './content-hash.ts'
import type { FileSource } from './file-source.ts'
import { fillFile } from './fill-file.ts'
import { createFollower } from './hash-follower.ts'
import { toHubError } from './hub-client.ts'
import { startHasher } from './mover/hasher.ts'
import { startMover } from './mover/mover.ts'
import type { Threads } from './mover/threads.ts'
import type { RateLimit } from './rate-limit.ts'
import type { RetryPolicy } from './retry.ts'

export interface FetchTuning {
  readonly chunkBytes: number
  /** Connections for one file. */
  readonly connections: number
  /** Most bytes that one request asks for. */
  readonly spanBytes: number
  /** Bytes gathered before they are written. */
  readonly writeBytes: number
  /** Files of as many bytes have threads of their own: one that fetches and writes, and one that hashes. */
  readonly moverBytes: number
  /** Bytes that such a thread writes at once. */
  readonly pieceBytes: number
  /** Wait before such a thread gets another connection. */
  readonly widenMs: number
}

export const DEFAULT_TUNING: FetchTuning = {
  chunkBytes: 8 * 2 ** 20,
  connections: 4,
  spanBytes: 128 * 2 ** 20,
  writeBytes: 512 * 2 ** 10,
  moverBytes: 64 * 2 ** 20,
  // Measured: what is larger leaves the processor's cache before it is written, what is smaller calls the system more often.
  pieceBytes: 256 * 2 ** 10,
  widenMs: 100,
}

export interface FetchOptions {
  source: FileSource
  /** The data, and beside it with `.chunks` the list of what has arrived. */
  path: string
  tuning: FetchTuning
  retry: RetryPolicy
  limit: RateLimit
  /** For large files. */
  threads: Threads
  signal: AbortSignal
  /** Bytes that arrived; negative when some were thrown away. */
  onBytes(bytes: number): void
  /** After each piece that is whole; may throw to stop the work, e.g. when the disk runs full. */
  onChunk?(chunks: ChunkMap): Promise<void> | void
  /** Before everything of this file is thrown away because its hash is wrong. */
  onMismatch?(): Promise<void>
}

/** A file whose hash is wrong is fetched once more from the start before that is an error. */
const HASH_TRIES = 2

/** Throws AppError: `bad-file` when the hash stays wrong, `network`, `disk-full`, `cancelled`, what the Hub refuses. */
export async function fetchFile(options: FetchOptions): Promise<void> {
  const { source, path, tuning, onBytes, signal } = options
  const { bytes, id } = source.file
  const chunks = await openChunkMap(chunkMapPath(path), id, bytes, tuning.chunkBytes)
  for (let tries = 1; ; tries++) {
    const file = await openData(path)
    try {
      if ((await file.stat()).size === 0 && chunks.bytesDone() > 0) await chunks.clear()
      onBytes(chunks.bytesDone())
      const good = await fillAndHash(options, file, chunks)
      if (good) return
    } catch (error) {
      throw asWriteError(toHubError(error, signal), path)
    } finally {
      await file.close()
    }
    await options.onMismatch?.()
    onBytes(-bytes)
    // The bytes are written over in place: a reader that has the file mapped must not lose it under its feet.
    await chunks.clear()
    if (tries < HASH_TRIES) continue
    await rm(path, { force: true })
    const name = id.kind === 'sha256' ? 'SHA-256' : 'git SHA-1'
    throw new AppError(
      'bad-file',
      `${source.file.path} arrived with another ${name} than the Hub names, twice. Nothing of it was kept.`,
    )
  }
}

/** The list of what has arrived of the file at `path`. */
export function chunkMapPath(path: string): string {
  return `${path}.chunks`
}

/** True when every byte is on the disk for good and the hash is right. */
async function fillAndHash(options: FetchOptions, file: FileHandle, chunks: ChunkMap): Promise<boolean> {
  const { source, tuning } = options
  const { bytes, id } = source.file
  const threads = bytes >= tuning.moverBytes ? startThreads(options, file, chunks) : null
  const mover = threads?.mover ?? null
  const hash = threads?.hasher ?? createFollower(startHash(id, bytes), file, chunks, bytes)
  const sync = createBackgroundSync(file)
  try {
    await fillFile({
      options,
      file,
      chunks,
      mover,
      async noted(chunk) {
        sync.wrote(chunks.chunkBytes)
        hash.stored(chunk)
        await options.onChunk?.(chunks)
      },
    })
    const [good] = await Promise.all([hash.finish(), sync.finish()])
    return good
  } finally {
    // Whoever is still at it has to be done before the file is closed.
    await Promise.allSettled([mover?.close(), hash.close(), sync.settle()])
  }
}

function startThreads({ source, tuning, threads }: FetchOptions, file: FileHandle, chunks: ChunkMap) {
  const { id, bytes } = source.file
  const { pieceBytes } = tuning
  const shared = { fd: file.fd, bytes, chunkBytes: chunks.chunkBytes }
  const stored = Array.from({ length: chunks.count }, (_, index) => index).filter(chunks.has)
  return {
    mover: startMover(threads, { work: 'move', ...shared, pieceBytes }),
    hasher: startHasher(threads, { work: 'hash', ...shared, id, stored }),
  }
}

async function openData(path: string): Promise<FileHandle> {
  try {
    // Neither truncates nor fails when it is there.
    return await open(path, 'r+').catch(() => open(path, 'w+'))
  } catch (error) {
    throw toWriteError(error, path)
  }
}

function asWriteError(error: unknown, path: string): unknown {
  const isSystem = error instanceof Error && !(error instanceof AppError) && 'syscall' in error
  return isSystem ? toWriteError(error, path) : error
}
