/** Runs of chunks that are still missing, so that several connections fill one file without getting in each other's way. */
import type { ChunkMap } from './chunk-map.ts'

export interface Span {
  readonly first: number
  /** Inclusive. */
  readonly last: number
}

export interface Spans {
  /** The next run; null when nothing is left. Nobody else gets it until it is given back. */
  next(): Span | null
  giveBack(span: Span): void
}

/** From the front of the file, for as many connections at once. `spanBytes`: the longest run. */
export function createSpans(chunks: ChunkMap, spanBytes: number, connections: number): Spans {
  const claimed = new Set<number>()
  const longest = Math.floor(spanBytes / chunks.chunkBytes)
  const isFree = (index: number) => index < chunks.count && !chunks.has(index) && !claimed.has(index)

  return {
    next() {
      let free = 0
      for (let index = 0; index < chunks.count; index++) if (isFree(index)) free++
      // Near the end spans get shorter, so that all connections end at about the same time.
      const most = Math.max(1, Math.min(Math.ceil(free / connections), longest))
      for (let first = 0; first < chunks.count; first++) {
        if (!isFree(first)) continue
        let last = first
        while (last - first + 1 < most && isFree(last + 1)) last++
        for (let index = first; index <= last; index++) claimed.add(index)
        return { first, last }
      }
      return null
    },
    giveBack({ first, last }) {
      for (let index = first; index <= last; index++) claimed.delete(index)
    },
  }
}
