/**
 * Which pieces of a file have arrived. It is a list beside the file, one number a line, appended after the piece was written: a kill
 * at any moment loses at most the pieces under way. A list that lies after a power cut is found by the hash of the whole.
 */
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { toWriteError } from '../storage/atomic-write.ts'
import type { ContentId } from './content-hash.ts'

export interface ChunkMap {
  readonly count: number
  readonly chunkBytes: number
  has(index: number): boolean
  /** Bytes of the chunks that have arrived. */
  bytesDone(): number
  add(index: number): Promise<void>
  /** Whether every byte of [begin, end) has arrived. */
  covers(begin: number, end: number): boolean
  /** Forgets everything, on disk too. */
  clear(): Promise<void>
}

/** Reads what an earlier run of the same content left at `path`; anything else there is begun anew. */
export async function openChunkMap(path: string, id: ContentId, bytes: number, chunkBytes: number): Promise<ChunkMap> {
  const count = Math.ceil(bytes / chunkBytes)
  const head = `${id.hex} ${bytes} ${chunkBytes}\n`
  const done = new Set<number>()
  const sizeOf = (index: number) => Math.min(chunkBytes, bytes - index * chunkBytes)

  async function begin(): Promise<void> {
    done.clear()
    await writeFile(path, head).catch((error: unknown) => {
      throw toWriteError(error, path)
    })
  }

  const text = await readFile(path, 'utf8').catch(() => '')
  if (text.startsWith(head)) {
    // What follows the last line break was cut off in writing.
    const lines = text.slice(head.length, text.lastIndexOf('\n') + 1).split('\n')
    for (const line of lines) if (/^\d+$/.test(line) && Number(line) < count) done.add(Number(line))
    if (!text.endsWith('\n')) await writeFile(path, head + [...done].map((index) => `${index}\n`).join(''))
  } else await begin()

  return {
    count,
    chunkBytes,
    has: (index) => done.has(index),
    bytesDone: () => [...done].reduce((sum, index) => sum + sizeOf(index), 0),
    async add(index) {
      await appendFile(path, `${index}\n`).catch((error: unknown) => {
        throw toWriteError(error, path)
      })
      done.add(index)
    },
    covers(from, to) {
      for (let index = Math.floor(from / chunkBytes); index * chunkBytes < to; index++)
        if (!done.has(index)) return false
      return true
    },
    async clear() {
      done.clear()
      await rm(path, { force: true })
      await begin()
    },
  }
}
