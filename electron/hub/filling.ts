/** What those share who fill one file on the disk. */
import type { FileHandle } from 'node:fs/promises'
import type { ChunkMap } from './chunk-map.ts'
import type { FetchOptions } from './fetch-file.ts'
import type { Mover } from './mover/mover.ts'

export interface Filling {
  readonly options: FetchOptions
  readonly file: FileHandle
  readonly chunks: ChunkMap
  /** What fetches and writes fast; null for a small file. */
  readonly mover: Mover | null
  /** To be called with each chunk that the list has got. */
  noted(chunk: number): Promise<void>
}
