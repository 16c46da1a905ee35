/**
 * One file into one place on disk: pieces over several connections at once, each tried again where it broke, and a hash that follows
 * as far as the pieces are without a gap. It returns only when every byte is there and the hash is the one the Hub named.
 */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { AppError } from '../contract/errors.ts'
import { toWriteError } from '../storage/atomic-write.ts'
import { type ChunkMap, openChunkMap } from './chunk-map.ts'
import { type ContentHash, startHash } from './content-hash.ts'
import type { FileSource } from './file-source.ts'
import { toHubError } from './hub-client.ts'
import { isNetworkFailure } from './hub-errors.ts'
import type { RateLimit } from './rate-limit.ts'
import { type RetryPolicy, Transient, waitBefore } from './retry.ts'

export interface FetchTuning {
  readonly chunkBytes: number
  /** Connections for one file. */
  readonly connections: number
  /** Most bytes that one request asks for. */
  readonly spanBytes: number
  /** Bytes gathered before they are written. */
  readonly writeBytes: number
}

export const DEFAULT_TUNING: FetchTuning = {
  chunkBytes: 8 * 2 ** 20,
  connections: 4,
  spanBytes: 128 * 2 ** 20,
  writeBytes: 2 ** 20,
}

export interface FetchOptions {
  source: FileSource
  /** The data, and beside it with `.chunks` the list of what has arrived. */
  path: string
  tuning: FetchTuning
  retry: RetryPolicy
  limit: RateLimit
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
      if (good) return await file.sync()
    } catch (error) {
      throw asWriteError(toHubError(error, signal), path)
    } finally {
      await file.close()
    }
    await options.onMismatch?.()
    onBytes(-bytes)
    await chunks.clear()
    await rm(path, { force: true })
    if (tries < HASH_TRIES) continue
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

async function fillAndHash(options: FetchOptions, file: FileHandle, chunks: ChunkMap): Promise<boolean> {
  const { source, tuning, signal } = options
  const abort = new AbortController()
  const both = AbortSignal.any([signal, abort.signal])
  const hash = createFollower(startHash(source.file.id, source.file.bytes), file, chunks, source.file.bytes)
  const work = createSpans(chunks, tuning)
  const state: State = { reader: false, claimed: new Set() }
  const workers = Array.from({ length: Math.max(1, Math.min(tuning.connections, chunks.count)) }, () =>
    fetchSpans({ ...options, signal: both }, file, chunks, work, state, hash.follow),
  )
  try {
    await Promise.all(workers)
  } catch (error) {
    abort.abort(error)
    await Promise.allSettled(workers)
    await hash.settle()
    throw error
  }
  return hash.finish()
}

interface State {
  /** The server sends whole files only, and one connection reads it from the start. */
  reader: boolean
  claimed: Set<number>
}

interface Span {
  first: number
  last: number
}

/** Hands out runs of missing chunks, from the front. */
function createSpans(chunks: ChunkMap, tuning: FetchTuning) {
  return {
    next(claimed: Set<number>): Span | null {
      let missing = 0
      for (let index = 0; index < chunks.count; index++) if (!chunks.has(index) && !claimed.has(index)) missing++
      // Near the end spans get shorter, so that all connections end at about the same time.
      const fair = Math.ceil(missing / tuning.connections)
      const most = Math.max(1, Math.min(fair, Math.floor(tuning.spanBytes / chunks.chunkBytes)))
      for (let first = 0; first < chunks.count; first++) {
        if (chunks.has(first) || claimed.has(first)) continue
        let last = first
        while (last + 1 < chunks.count && last - first + 1 < most && !chunks.has(last + 1) && !claimed.has(last + 1))
          last++
        for (let index = first; index <= last; index++) claimed.add(index)
        return { first, last }
      }
      return null
    },
  }
}

async function fetchSpans(
  options: FetchOptions,
  file: FileHandle,
  chunks: ChunkMap,
  work: ReturnType<typeof createSpans>,
  state: State,
  onChunk: () => void,
): Promise<void> {
  const { retry, signal } = options
  let failures = 0
  for (;;) {
    if (signal.aborted) throw signal.reason
    const span = work.next(state.claimed)
    if (span === null) return
    const before = chunks.bytesDone()
    try {
      if (!(await fetchSpan(options, file, chunks, span, state, onChunk))) return
      failures = 0
    } catch (error) {
      const lost = isNetworkFailure(error) ? new Transient(error.message, null, { cause: error }) : error
      if (signal.aborted || !(lost instanceof Transient)) throw lost
      failures = chunks.bytesDone() > before ? 1 : failures + 1
      const wait = failures >= retry.attempts ? null : waitBefore(failures, lost.retryAfterMs, retry)
      if (wait === null) throw lost
      await retry.sleep(wait, signal)
    } finally {
      for (let index = span.first; index <= span.last; index++) state.claimed.delete(index)
    }
  }
}

/** False when another connection already does all there is to do. */
async function fetchSpan(
  { source, tuning, limit, signal, onBytes, onChunk }: FetchOptions,
  file: FileHandle,
  chunks: ChunkMap,
  span: Span,
  state: State,
  followed: () => void,
): Promise<boolean> {
  const { bytes } = source.file
  const begin = span.first * chunks.chunkBytes
  const end = Math.min(bytes, (span.last + 1) * chunks.chunkBytes)
  const { body, whole, close } = await source.open(begin, end, signal)
  if (whole && state.reader) {
    close()
    return false
  }
  state.reader ||= whole
  try {
    await (whole ? store(body, 0, bytes) : store(body, begin, end))
    return true
  } finally {
    close()
    if (whole) state.reader = false
  }

  async function store(data: AsyncIterable<Uint8Array>, from: number, to: number): Promise<void> {
    let at = from
    let unwritten: Uint8Array[] = []
    let gathered = 0
    let unfinished = 0
    const write = async () => {
      if (gathered === 0) return
      const { bytesWritten } = await file.writev(unwritten, at - gathered)
      if (bytesWritten !== gathered)
        throw new AppError('disk-full', 'The disk took only a part of what was written. Free some space, then resume.')
      unwritten = []
      gathered = 0
    }
    try {
      for await (const part of data) {
        await limit.take(part.length, signal)
        let rest = part
        while (rest.length > 0 && at < to) {
          const boundary = Math.min(to, (Math.floor(at / chunks.chunkBytes) + 1) * chunks.chunkBytes)
          const piece = rest.subarray(0, Math.min(rest.length, boundary - at))
          rest = rest.subarray(piece.length)
          at += piece.length
          gathered += piece.length
          unwritten.push(piece)
          const index = Math.floor((at - 1) / chunks.chunkBytes)
          if (!chunks.has(index)) {
            unfinished += piece.length
            onBytes(piece.length)
          }
          if (at < boundary && gathered < tuning.writeBytes) continue
          await write()
          if (at < boundary || chunks.has(index)) continue
          await chunks.add(index)
          unfinished = 0
          followed()
          await onChunk?.(chunks)
        }
        if (rest.length > 0) throw new Transient('more bytes came than were announced')
      }
    } finally {
      // What did not make a whole chunk is fetched again.
      if (unfinished > 0) onBytes(-unfinished)
    }
    if (at < to) throw new Transient('the answer was cut off')
  }
}

/** Hashes the file from its start as far as chunks have arrived without a gap, beside the download. */
function createFollower(hash: ContentHash, file: FileHandle, chunks: ChunkMap, bytes: number) {
  const buffer = Buffer.allocUnsafe(Math.min(2 ** 20, Math.max(1, bytes)))
  let at = 0
  let running: Promise<void> | null = null
  let failure: unknown = null

  async function run(): Promise<void> {
    while (at < bytes) {
      if (!chunks.covers(at, at + 1)) return
      const end = Math.min(bytes, at + buffer.length, (Math.floor(at / chunks.chunkBytes) + 1) * chunks.chunkBytes)
      const { bytesRead } = await file.read(buffer, 0, end - at, at)
      // Shorter than the list says: it is not what was written.
      if (bytesRead === 0) return
      hash.update(buffer.subarray(0, bytesRead))
      at += bytesRead
    }
  }

  function follow(): void {
    if (running !== null) return
    running = run()
      .catch((error: unknown) => {
        failure = error
      })
      .finally(() => {
        running = null
      })
  }

  return {
    follow,
    async settle(): Promise<void> {
      while (running !== null) await running
    },
    async finish(): Promise<boolean> {
      while (running !== null) await running
      follow()
      while (running !== null) await running
      if (failure !== null) throw failure
      return at === bytes && hash.matches()
    },
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
