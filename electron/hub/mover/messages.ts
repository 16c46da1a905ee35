/** What the application and the two threads of a large file say to each other: one moves its bytes, the other hashes them. */
import type { ContentId } from '../content-hash.ts'

/** Where a range of a file can be asked for in one step: a connection, and a request without its range. */
export interface RangeAddress {
  readonly host: string
  readonly port: number
  /** TLS. */
  readonly secure: boolean
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** A connection on which nothing moved for this long is given up. */
  readonly stallMs: number
}

/** What a thread hears: a file, what is to be done with it, and that it is over, after which another file may come. */
export type ThreadMessage<Request> =
  | { kind: 'open'; data: ThreadData }
  | { kind: 'request'; request: Request }
  | { kind: 'close' }

export type ThreadReply<Reply> =
  | { kind: 'reply'; reply: Reply }
  /** The file is not touched any more. */
  | { kind: 'closed' }

export type ThreadData = MoverData | HasherData

interface FileData {
  /** Open for reading and writing, by the application, which closes it after the thread has closed it. */
  readonly fd: number
  /** Of the whole file. */
  readonly bytes: number
  readonly chunkBytes: number
}

export interface MoverData extends FileData {
  readonly work: 'move'
  /** Bytes that are written at once. */
  readonly pieceBytes: number
}

export interface HasherData extends FileData {
  readonly work: 'hash'
  readonly id: ContentId
  /** Chunks that are on the disk already. */
  readonly stored: readonly number[]
}

export type MoverRequest =
  /** The bytes from `begin` to `end` (exclusive); `begin` is the start of a chunk. */
  { kind: 'fetch'; range: number; address: RangeAddress; begin: number; end: number } | { kind: 'stop'; range: number }

export type MoverReply =
  /** Everything of the range before `at` is written. Told at the end of a chunk, and often enough for progress. */
  { kind: 'moved'; range: number; at: number } | { kind: 'ended'; range: number; outcome: RangeOutcome }

export type HasherRequest =
  /** This chunk is written. */
  | { kind: 'stored'; chunk: number }
  /** Everything is written: is the hash right? */
  | { kind: 'finish' }

export interface HasherReply {
  readonly matches: boolean
}

export type RangeOutcome =
  | { kind: 'whole' }
  | { kind: 'stopped' }
  /** Another answer than the range; nothing was written. */
  | { kind: 'answer'; status: number; retryAfter: string | null }
  /** The connection carried something that is not understood here; another way may manage. */
  | { kind: 'unsuited'; why: string }
  /** The answer ended early, or went on too long. */
  | { kind: 'broken'; why: string }
  /** A failure of the system, of the network or in writing. */
  | { kind: 'failure'; message: string; code: string; syscall: string | null }
