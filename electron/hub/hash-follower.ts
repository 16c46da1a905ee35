/** Hashes a file from its start as far as chunks have arrived without a gap, beside the download. */
import type { FileHandle } from 'node:fs/promises'
import type { ChunkMap } from './chunk-map.ts'
import type { ContentHash } from './content-hash.ts'

export interface Follower {
  /** The chunk is whole. */
  stored(chunk: number): void
  /** When everything is stored: whether the hash is right. */
  finish(): Promise<boolean>
  /** Ends it; afterwards the file is not touched any more. */
  close(): Promise<void>
}

const READ_BYTES = 2 ** 20

export function createFollower(hash: ContentHash, file: FileHandle, chunks: ChunkMap, bytes: number): Follower {
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(1, bytes)))
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

  async function settle(): Promise<void> {
    while (running !== null) await running
  }

  return {
    stored: follow,
    async finish() {
      await settle()
      follow()
      await settle()
      if (failure !== null) throw failure
      return at === bytes && hash.matches()
    },
    close: settle,
  }
}
