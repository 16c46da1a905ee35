/** Where things are in a checkout. The set-up scripts run under plain Node 20 with nothing installed. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')
export const OUT = join(ROOT, 'out')
export const BUILD = join(ROOT, 'build')
export const NATIVE_BUILD = join(BUILD, 'native')
export const MODULES = join(ROOT, 'node_modules')

export function packageJson() {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
}

/** The Node that the dependencies bring (24) where they have one for this system, else the one that runs this. */
export function nodePath() {
  const bundled = join(MODULES, '.bin', 'node')
  return existsSync(bundled) ? bundled : process.execPath
}
