/** Room on the disk: checked before a byte is fetched, and watched while bytes arrive. */
import { AppError } from '../contract/errors.ts'

/** Free bytes on the disk that a path is on or would be on. */
export type FreeBytes = (path: string) => Promise<number>

export interface SpaceOptions {
  path: string
  freeBytes: FreeBytes
  /** Stays free whatever happens. */
  floorBytes: number
}

/** Throws `disk-full` with what is needed, what is free and what must stay free. */
export async function checkFreeSpace(options: SpaceOptions & { neededBytes: number }): Promise<void> {
  const { path, freeBytes, floorBytes, neededBytes } = options
  const free = await freeBytes(path)
  if (neededBytes === 0 || free - neededBytes >= floorBytes) return
  throw new AppError(
    'disk-full',
    `${gigabytes(neededBytes)} are to be written and ${gigabytes(floorBytes)} must stay free, but the disk of ${path} has ${gigabytes(free)}. Free some space or choose another disk.`,
    { neededBytes, freeBytes: free, floorBytes },
  )
}

/** Asking the system for each piece would be a waste; asked after this many milliseconds again. */
const LOOK_MS = 1000

/** To be called as bytes are written: throws `disk-full` when the floor is reached, so that what has arrived can be resumed. */
export function createSpaceGuard({ path, freeBytes, floorBytes }: SpaceOptions): () => Promise<void> {
  let lookedAt = 0
  return async () => {
    if (performance.now() - lookedAt < LOOK_MS) return
    lookedAt = performance.now()
    const free = await freeBytes(path)
    if (free >= floorBytes) return
    throw new AppError(
      'disk-full',
      `Only ${gigabytes(free)} are free on the disk of ${path}; ${gigabytes(floorBytes)} must stay free. Free some space, then resume: what has arrived is kept.`,
      { freeBytes: free, floorBytes },
    )
  }
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toPrecision(3)} MB` : `${(bytes / 1e9).toPrecision(3)} GB`
}
