/** What a hasher thread does: it reads the file from its start as far as chunks are there without a gap, mostly from the cache. */
import { readSync } from 'node:fs'
import { startHash } from '../content-hash.ts'
import type { HasherData, HasherReply, HasherRequest } from './messages.ts'

const READ_BYTES = 256 * 2 ** 10

/** Takes requests and answers the last one through `reply`. What it throws in a later turn is a failure of the disk. */
export function createHasherCore(
  data: HasherData,
  reply: (message: HasherReply) => void,
): { take(request: HasherRequest): void; close(): void } {
  const { fd, id, bytes, chunkBytes } = data
  const hash = startHash(id, bytes)
  const stored = new Set(data.stored)
  const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, chunkBytes))
  let at = 0
  let isDue = false
  let finishing = false
  let closed = false
  catchUp()

  /** A chunk in each turn of the loop. */
  function catchUp(): void {
    if (isDue) return
    isDue = true
    setImmediate(() => {
      isDue = false
      if (closed) return
      if (takeChunk()) catchUp()
      else if (finishing) reply({ matches: at === bytes && hash.matches() })
    })
  }

  /** False when the next chunk is not there. */
  function takeChunk(): boolean {
    const chunk = at / chunkBytes
    if (at >= bytes || !stored.has(chunk)) return false
    for (const end = Math.min(bytes, at + chunkBytes); at < end; ) {
      const length = readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at)
      // Shorter than the list of chunks says: it is not what was written.
      if (length === 0) return false
      hash.update(buffer.subarray(0, length))
      at += length
    }
    return true
  }

  return {
    take(request) {
      if (request.kind === 'stored') stored.add(request.chunk)
      else finishing = true
      catchUp()
    },
    close() {
      closed = true
    },
  }
}
