/** How much disk a model takes that is quantized while it arrives, and how many of its files may be there at once. */
import { AppError } from '../../contract/errors.ts'
import { formatDisk } from '../../plan/units.ts'

export interface DiskPlan {
  /** Weight files that may be on the disk at the same time. */
  filesAtOnce: number
  outputBytes: number
  stagedBytes: number
  /** Both together. */
  neededBytes: number
}

export interface DiskSituation {
  /** Of the result. */
  outputBytes: number
  /** Of the weight files that are still to come. */
  fileBytes: readonly number[]
  freeBytes: number
  floorBytes: number
  /** What an earlier run of the same work left, which is part of what is needed. */
  presentBytes: number
  where: string
}

/** More than this keeps neither the line nor the engine busier. */
const MOST_AT_ONCE = 2
/** Tokenizer, configuration, journals. */
const SMALL_BYTES = 64 * 2 ** 20

/** Throws `disk-full` when not even one file at a time fits. */
export function planDisk(situation: DiskSituation): DiskPlan {
  const { outputBytes, fileBytes, freeBytes, floorBytes, presentBytes, where } = situation
  const largest = fileBytes.toSorted((a, b) => b - a)
  const withFiles = (count: number): DiskPlan => {
    const stagedBytes = largest.slice(0, count).reduce((sum, bytes) => sum + bytes, 0)
    return { filesAtOnce: count, outputBytes, stagedBytes, neededBytes: outputBytes + stagedBytes + SMALL_BYTES }
  }
  const room = freeBytes + presentBytes - floorBytes
  for (let count = Math.min(MOST_AT_ONCE, Math.max(1, largest.length)); count >= 1; count--) {
    const plan = withFiles(count)
    if (plan.neededBytes <= room) return plan
  }
  const least = withFiles(1)
  throw new AppError(
    'disk-full',
    `${formatDisk(least.neededBytes)} are needed: ${formatDisk(outputBytes)} for the result and ${formatDisk(least.stagedBytes)} for the largest file on its way. The disk of ${where} has ${formatDisk(freeBytes)} free, of which ${formatDisk(floorBytes)} stay free. Choose fewer bits or another disk.`,
    { neededBytes: least.neededBytes, freeBytes, floorBytes },
  )
}
