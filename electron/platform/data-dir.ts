/** The data folder, the same for all hosts: a model quantized on the command line is there in the window. */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { AppError } from '../contract/errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Where data goes unless a person says otherwise: their own choice, then HQQ_DATA_DIR, then the system's convention. */
export function dataDirOf(chosen: string | undefined, env: Environment, platform: string, home = homedir()): string {
  const explicit = chosen ?? env.HQQ_DATA_DIR
  if (explicit) return resolve(explicit)
  if (platform === 'win32') return join(env.APPDATA ?? join(home, 'AppData', 'Roaming'), 'HQQ Studio')
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'HQQ Studio')
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'hqq-studio')
}

/** Makes the folder. Throws `not-writable` with what to do about it. */
export function ensureDataDir(path: string): string {
  try {
    mkdirSync(path, { recursive: true })
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return path
  } catch (cause) {
    throw new AppError(
      'not-writable',
      `The data folder ${path} cannot be written. Change its permissions or choose another with --data-dir.`,
      undefined,
      { cause },
    )
  }
}
