/** Writes the body of an answer where it belongs and notes each chunk that is whole. */
import { AppError } from '../contract/errors.ts'
import type { Filling } from './filling.ts'
import { Transient } from './retry.ts'

/** Stores the bytes from `begin` to `end`. A chunk that is noted is never written again. */
export async function storeBody(
  { options, file, chunks, noted }: Filling,
  data: AsyncIterable<Uint8Array>,
  begin: number,
  end: number,
): Promise<void> {
  const { tuning, limit, signal, onBytes } = options
  // Copied together: the many small buffers of a connection are garbage at once, and the system is called less often.
  const buffer = Buffer.allocUnsafe(Math.min(tuning.writeBytes, Math.max(1, end - begin)))
  let at = begin
  let gathered = 0
  /** Bytes of the chunk under way that were counted. */
  let unfinished = 0

  async function write(): Promise<void> {
    if (gathered === 0) return
    const { bytesWritten } = await file.write(buffer, 0, gathered, at - gathered)
    if (bytesWritten !== gathered) {
      throw new AppError('disk-full', 'The disk took only a part of what was written. Free some space, then resume.')
    }
    unfinished += gathered
    onBytes(gathered)
    gathered = 0
  }

  /** A piece that lies in one chunk and fits into what is left of the buffer. */
  async function add(piece: Uint8Array, index: number, isLast: boolean): Promise<void> {
    at += piece.length
    if (chunks.has(index)) return
    buffer.set(piece, gathered)
    gathered += piece.length
    if (!isLast && gathered < buffer.length) return
    await write()
    if (!isLast) return
    await chunks.add(index)
    unfinished = 0
    await noted(index)
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
