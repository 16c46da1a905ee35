/** What there is on this machine to run the window in. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../paths.ts'

const SYSTEM_CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The system's Chromium; nothing where there is none, which leaves Playwright to its own. CHROMIUM_PATH overrides. */
export function chromiumPath(): { executablePath?: string } {
  const found = process.env.CHROMIUM_PATH ?? SYSTEM_CHROMIUM.find((path) => existsSync(path))
  return found === undefined ? {} : { executablePath: found }
}

/** Electron's binary as its package lists it; read from files, since requiring the package would download it. */
export function electronBinary(): string | undefined {
  const folder = join(ROOT, 'node_modules', 'electron')
  const listing = join(folder, 'path.txt')
  if (!existsSync(listing)) return undefined
  const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(folder, 'dist')
  const binary = join(dist, readFileSync(listing, 'utf8').trim())
  return existsSync(binary) ? binary : undefined
}

export function hasDisplay(): boolean {
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY)
}
