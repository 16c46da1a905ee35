/** Electron where its binary and a display are there, else the Node host. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { electronBinary, hasDisplay } from './electron-binary.mjs'
import { BUILD, MODULES, nodePath, packageJson } from './paths.mjs'
import { run } from './run-command.mjs'
import { SetupError, say } from './say.mjs'

const FETCH_LIMIT_MS = 180_000
const ELECTRON = join(MODULES, 'electron')
/** Holds the version that could not be fetched, so that later starts do not wait for the network again. */
const FAILED_FETCH = join(BUILD, 'stamps', 'electron-not-fetched')

/** Returns `{host, reason, binary, flags}`; the last two for Electron only. */
export async function chooseHost({ web = false, electron = false }) {
  if (web && electron) throw new SetupError('--web and --electron exclude each other.')
  if (web) return { host: 'web', reason: 'asked for with --web' }
  const display = hasDisplay()
  const root = process.getuid?.() === 0
  if (electron) {
    if (!display)
      throw new SetupError('--electron needs a display, and there is none (DISPLAY and WAYLAND_DISPLAY are unset).')
    const binary = electronBinary() ?? (await fetchElectron())
    if (!binary) throw new SetupError("Electron's binary could not be fetched; `npm start -- --web` needs none.")
    return {
      host: 'electron',
      reason: root ? 'asked for with --electron (as root, so without its sandbox)' : 'asked for with --electron',
      binary,
      flags: root ? ['--no-sandbox'] : [],
    }
  }
  if (!display) return { host: 'web', reason: 'there is no display' }
  if (root) return { host: 'web', reason: "Electron's sandbox does not run as root" }
  const binary = electronBinary() ?? (fetchFailedBefore() ? undefined : await fetchElectron())
  if (!binary) return { host: 'web', reason: "Electron's binary is not installed (--electron tries to fetch it again)" }
  return { host: 'electron', reason: 'its binary and a display are there (--web for the browser)', binary, flags: [] }
}

function fetchFailedBefore() {
  return existsSync(FAILED_FETCH) && readFileSync(FAILED_FETCH, 'utf8') === packageJson().devDependencies.electron
}

async function fetchElectron() {
  say("fetching Electron's binary (about 110 MB, once)")
  await run(nodePath(), [join(ELECTRON, 'install.js')], { quiet: true, timeoutMs: FETCH_LIMIT_MS })
  const binary = electronBinary()
  if (!binary) {
    mkdirSync(join(BUILD, 'stamps'), { recursive: true })
    writeFileSync(FAILED_FETCH, packageJson().devDependencies.electron)
  }
  return binary
}
