/** npm packages: installed exactly as locked, and only when they are not. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MODULES, ROOT } from './paths.mjs'
import { mustRun } from './run-command.mjs'
import { say } from './say.mjs'

export async function installDependencies() {
  if (dependenciesMatchLock()) return
  say('installing dependencies (about a minute, once)')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  await mustRun(
    npm,
    ['ci', '--no-audit', '--no-fund', '--prefer-offline'],
    'npm ci failed; the output above says why. Check the network and run the command again.',
  )
}

/** npm keeps a copy of the lock of what it installed; packages for other systems are missing there. */
function dependenciesMatchLock() {
  const installedLock = join(MODULES, '.package-lock.json')
  if (!existsSync(installedLock)) return false
  const wanted = packagesOf(join(ROOT, 'package-lock.json'))
  const installed = packagesOf(installedLock)
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true
    return installed[path] ? installed[path].version === version : optional === true
  })
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages
}
