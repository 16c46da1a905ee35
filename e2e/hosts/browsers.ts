/** What there is on this machine to run the window in. */
import { existsSync } from 'node:fs'

const SYSTEM_CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The system's Chromium; nothing where there is none, which leaves Playwright to its own. CHROMIUM_PATH overrides. */
export function chromiumPath(): { executablePath?: string } {
  const found = process.env.CHROMIUM_PATH ?? SYSTEM_CHROMIUM.find((path) => existsSync(path))
  return found === undefined ? {} : { executablePath: found }
}
