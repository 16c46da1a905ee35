/** End-to-end tests in Chromium over the real app. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { countsOf } from './counts.mjs'
import { MODULES, nodePath, ROOT } from './paths.mjs'
import { onPath, run } from './run-command.mjs'
import { SetupError, say } from './say.mjs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** `args` go to playwright. The browser is installed when it is missing and that is possible. */
export async function runBrowserTests(args = [], config = join('e2e', 'playwright.config.ts')) {
  const chromium = findChromium() ?? (await installChromium())
  const playwright = join(MODULES, '@playwright', 'test', 'cli.js')
  const reporters = ['list', join(ROOT, 'electron', 'setup', 'playwright-counts.mjs')].join(',')
  return countsOf(
    await run(nodePath(), [playwright, 'test', '--config', join(ROOT, config), '--reporter', reporters, ...args], {
      env: { CHROMIUM_PATH: chromium },
    }),
  )
}

function findChromium() {
  const { CHROMIUM_PATH, PATH = '' } = process.env
  if (CHROMIUM_PATH) return CHROMIUM_PATH
  const candidates = NAMES.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)))
  return candidates.find((path) => existsSync(path))
}

async function installChromium() {
  const packages = ['chromium', 'fonts-dejavu-core']
  const byHand = `The browser tests need Chromium. On Debian: sudo apt-get install -y ${packages.join(' ')}. Elsewhere: set CHROMIUM_PATH to its path.`
  if (process.getuid?.() !== 0 || !onPath('apt-get')) throw new SetupError(byHand)
  say('installing Chromium for the browser tests')
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update', '-qq'], { quiet: true, env })
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...packages]
  const { code, output } = await run('apt-get', install, { quiet: true, env })
  const chromium = findChromium()
  if (code !== 0 || !chromium) {
    process.stderr.write(output)
    throw new SetupError(byHand)
  }
  return chromium
}
