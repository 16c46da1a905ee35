/** Whether Electron's window can open here: its binary and a display. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MODULES } from './paths.mjs'

/** @returns {string | undefined} Read from the package's own files: requiring it would download. */
export function electronBinary() {
  const folder = join(MODULES, 'electron')
  const listing = join(folder, 'path.txt')
  if (!existsSync(listing)) return undefined
  const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(folder, 'dist')
  const binary = join(dist, readFileSync(listing, 'utf8').trim())
  return existsSync(binary) ? binary : undefined
}

/** @returns {boolean} */
export function hasDisplay() {
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY)
}
