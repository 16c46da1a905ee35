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
  writeBytes: 4 * 2 ** 20,
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

async function fillAndHash(options: FetchOptions, file: FileHandle, chunks: ChunkMap): Promise<boolean> {
  const { source } = options
  const hash = createFollower(startHash(source.file.id, source.file.bytes), file, chunks, source.file.bytes)
  try {
    await inPieces(options, file, chunks, hash.follow).catch((error: unknown) => {
      if (!(error instanceof WholeOnly)) throw error
      return fromStart(options, file, chunks, hash.follow)
    })
  } catch (error) {
    await hash.settle()
    throw error
  }
  return hash.finish()
}

/** The server sends whole files only, whatever part is asked for. */
class WholeOnly extends Error {}

/** Several connections, each with runs of missing chunks of its own. */
async function inPieces(options: FetchOptions, file: FileHandle, chunks: ChunkMap, onChunk: () => void): Promise<void> {
  const { tuning, signal } = options
  const abort = new AbortController()
  const own = { ...options, signal: AbortSignal.any([signal, abort.signal]) }
  const work = createSpans(chunks, tuning)
  const workers = Array.from({ length: Math.max(1, Math.min(tuning.connections, chunks.count)) }, async () => {
    for (let span = work.next(); span !== null; span = work.next()) {
      const { first, last } = span
      try {
        await patiently(own, chunks, () => fetchSpan(own, file, chunks, { first, last }, onChunk))
      } finally {
        work.giveBack(span)
      }
    }
  })
  try {
    await Promise.all(workers)
  } catch (error) {
    // Nobody may write any more when the next one begins.
    abort.abort(error)
    await Promise.allSettled(workers)
    throw error
  }
}

/** One connection that reads everything and leaves what is there already as it is. */
function fromStart(options: FetchOptions, file: FileHandle, chunks: ChunkMap, onChunk: () => void): Promise<void> {
  const { source, signal } = options
  return patiently(options, chunks, async () => {
    const { body, close } = await source.open(0, source.file.bytes, signal)
    try {
      await store(options, file, chunks, body, 0, source.file.bytes, onChunk)
    } finally {
      close()
    }
  })
}

interface Span {
  first: number
  last: number
}

/** Hands out runs of missing chunks, from the front. */
function createSpans(chunks: ChunkMap, tuning: FetchTuning) {
  const claimed = new Set<number>()
  const isFree = (index: number) => index < chunks.count && !chunks.has(index) && !claimed.has(index)

  return {
    next(): Span | null {
      let free = 0
      for (let index = 0; index < chunks.count; index++) if (isFree(index)) free++
      // Near the end spans get shorter, so that all connections end at about the same time.
      const fair = Math.ceil(free / tuning.connections)
      const most = Math.max(1, Math.min(fair, Math.floor(tuning.spanBytes / chunks.chunkBytes)))
      for (let first = 0; first < chunks.count; first++) {
        if (!isFree(first)) continue
        let last = first
        while (last - first + 1 < most && isFree(last + 1)) last++
        for (let index = first; index <= last; index++) claimed.add(index)
        return { first, last }
      }
      return null
    },
    giveBack({ first, last }: Span): void {
      for (let index = first; index <= last; index++) claimed.delete(index)
    },
  }
}

/** Tries `work` again as long as what goes wrong may pass; progress renews the patience. */
async function patiently({ retry, signal }: FetchOptions, chunks: ChunkMap, work: () => Promise<void>): Promise<void> {
  for (let failures = 0; ; ) {
    if (signal.aborted) throw signal.reason
    const before = chunks.bytesDone()
    try {
      return await work()
    } catch (error) {
      const lost = isNetworkFailure(error) ? new Transient(error.message, null, { cause: error }) : error
      if (signal.aborted || !(lost instanceof Transient)) throw lost
      failures = chunks.bytesDone() > before ? 1 : failures + 1
      const wait = failures >= retry.attempts ? null : waitBefore(failures, lost.retryAfterMs, retry)
      if (wait === null) throw lost
      await retry.sleep(wait, signal)
    }
  }
}

async function fetchSpan(
  options: FetchOptions,
  file: FileHandle,
  chunks: ChunkMap,
  span: Span,
  onChunk: () => void,
): Promise<void> {
  const { source, signal } = options
  // What came before a failure is not asked for again.
  let { first } = span
  while (first <= span.last && chunks.has(first)) first++
  if (first > span.last) return
  const begin = first * chunks.chunkBytes
  const end = Math.min(source.file.bytes, (span.last + 1) * chunks.chunkBytes)
  const { body, whole, close } = await source.open(begin, end, signal)
  try {
    if (whole && !(begin === 0 && end === source.file.bytes)) throw new WholeOnly()
    await store(options, file, chunks, body, begin, end, onChunk)
  } finally {
    close()
  }
}

/** Writes the bytes from `begin` to `end` and notes each chunk that is whole. A chunk that is noted is never written again. */
async function store(
  { tuning, limit, signal, onBytes, onChunk }: FetchOptions,
  file: FileHandle,
  chunks: ChunkMap,
  data: AsyncIterable<Uint8Array>,
  begin: number,
  end: number,
  followed: () => void,
): Promise<void> {
  // Copied together: the many small buffers of a connection are garbage at once, and the system is called less often.
  const buffer = Buffer.allocUnsafe(Math.min(tuning.writeBytes, Math.max(1, end - begin)))
  let at = begin
  let gathered = 0
  let unfinished = 0

  async function write(): Promise<void> {
    if (gathered === 0) return
    const { bytesWritten } = await file.write(buffer, 0, gathered, at - gathered)
    if (bytesWritten !== gathered) {
      throw new AppError('disk-full', 'The disk took only a part of what was written. Free some space, then resume.')
    }
    gathered = 0
  }

  /** A piece that lies in one chunk and fits into what is left of the buffer. */
  async function add(piece: Uint8Array, index: number, isLast: boolean): Promise<void> {
    at += piece.length
    if (chunks.has(index)) return
    buffer.set(piece, gathered)
    gathered += piece.length
    unfinished += piece.length
    onBytes(piece.length)
    if (!isLast && gathered < buffer.length) return
    await write()
    if (!isLast) return
    await chunks.add(index)
    unfinished = 0
    followed()
    await onChunk?.(chunks)
  }

  try {
    for await (const part of data) {
      await limit.take(part.length, signal)
      let rest = part
      while (rest.length > 0 && at < end) {
        const index = Math.floor(at / chunks.chunkBytes)
        const boundary = Math.min(end, (index + 1) * chunks.chunkBytes)
        const piece = rest.subarray(0, Math.min(rest.length, boundary - at, buffer.length - gathered))
        rest = rest.subarray(piece.length)
        await add(piece, index, at + piece.length === boundary)
      }
      if (rest.length > 0) throw new Transient('more bytes came than were announced')
    }
  } finally {
    // What did not make a whole chunk is fetched again.
    if (unfinished > 0) onBytes(-unfinished)
  }
  if (at < end) throw new Transient('the answer was cut off')
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
