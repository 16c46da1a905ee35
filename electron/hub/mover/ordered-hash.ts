/**
 * Hashes a file from its start while its chunks arrive in any order: what comes in order is hashed from memory as it passes, the rest
 * is read back once what lies before it is there. The state at the last chunk's end is kept, because a chunk that breaks off in the
 * middle comes again, perhaps with other bytes.
 */
import { readSync } from 'node:fs'
import { type ContentId, startHash } from '../content-hash.ts'

export interface OrderedHashOptions {
  fd: number
  id: ContentId
  bytes: number
  chunkBytes: number
}

export interface OrderedHash {
  /** These bytes stand at `at` on the disk now. */
  wrote(piece: Buffer, at: number): void
  /** The chunk is whole. */
  stored(chunk: number): void
  /** The chunk broke off: what was hashed of it is forgotten. */
  lost(chunk: number): void
  /** Reads at most one chunk back; false when there is none to read. Throws what reading throws. */
  catchUp(): boolean
  /** After everything was stored and caught up with. Ends the hash. */
  matches(): boolean
}

const READ_BYTES = 2 ** 20

export function createOrderedHash({ fd, id, bytes, chunkBytes }: OrderedHashOptions): OrderedHash {
  const done = new Set<number>()
  let hash = startHash(id, bytes)
  let at = 0
  let kept = hash.copy()
  let buffer: Buffer | null = null

  const chunkAt = () => Math.floor(at / chunkBytes)
  const endOf = (chunk: number) => Math.min(bytes, (chunk + 1) * chunkBytes)

  /** Takes what lies in one chunk. */
  function take(piece: Buffer): void {
    const end = endOf(chunkAt())
    hash.update(piece)
    at += piece.length
    if (at === end) kept = hash.copy()
  }

  return {
    wrote(piece, from) {
      if (from !== at) return
      for (let rest = piece; rest.length > 0; ) {
        const part = rest.subarray(0, endOf(chunkAt()) - at)
        rest = rest.subarray(part.length)
        take(part)
      }
    },
    stored: (chunk) => void done.add(chunk),
    lost(chunk) {
      if (chunkAt() !== chunk || at === chunk * chunkBytes) return
      hash = kept.copy()
      at = chunk * chunkBytes
    },
    catchUp() {
      const chunk = chunkAt()
      if (at >= bytes || !done.has(chunk)) return false
      buffer ??= Buffer.allocUnsafeSlow(Math.min(READ_BYTES, chunkBytes))
      for (const end = endOf(chunk); at < end; ) {
        const length = readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at)
        // Shorter than the list of chunks says: it is not what was written.
        if (length === 0) return false
        take(buffer.subarray(0, length))
      }
      return true
    },
    matches: () => at === bytes && hash.matches(),
  }
}
