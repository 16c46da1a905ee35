/** One host for each data folder: settings, presets and jobs are kept in memory by the host that runs. */
import { join } from 'node:path'
import { AppError, toAppError } from '../contract/errors.ts'
import { type HeldLock, tryLock } from '../storage/process-lock.ts'

/** Rejects with `busy`, naming the process that holds the folder and what to do. The command line needs no such lock. */
export async function lockDataDir(dataDir: string): Promise<HeldLock> {
  try {
    const lock = await tryLock(join(dataDir, '.host.lock'))
    if ('release' in lock) return lock
    throw new AppError(
      'busy',
      `HQQ Studio already runs on ${dataDir} as process ${lock.heldBy.pid}: use that one, end it, or start this one with another --data-dir.`,
    )
  } catch (thrown) {
    const error = toAppError(thrown)
    // Models can only be deleted to make room when the app starts.
    if (error.code === 'disk-full') return { release: async () => {} }
    throw error
  }
}
