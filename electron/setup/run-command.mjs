/** Child processes of the set-up scripts. */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ROOT } from './paths.mjs'
import { SetupError } from './say.mjs'

const SIGNALS = ['SIGINT', 'SIGTERM']
const children = new Set()

/** Nothing that was started outlives its starter: children get the signal, then this process ends by it. */
function passOn(signal) {
  for (const child of children) child.kill(signal)
  watchSignals(false)
  process.kill(process.pid, signal)
}

/** On only while there are children, so that a host that runs in this process has its signals to itself. */
function watchSignals(on) {
  for (const signal of SIGNALS) {
    process.off(signal, passOn)
    if (on) process.on(signal, passOn)
  }
}

/**
 * Runs a command in the repository root. `quiet` keeps its output for the result; otherwise it goes to stderr as it comes
 * (`inherit` gives it the terminal instead). Resolves with exit code and output; 124 when `timeoutMs` has passed.
 */
export function run(command, args, { quiet = false, inherit = false, env = {}, timeoutMs = 0 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: inherit ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    })
    children.add(child)
    watchSignals(true)
    let output = ''
    let timedOut = false
    const stop = () => {
      timedOut = true
      child.kill('SIGKILL')
    }
    const timer = timeoutMs > 0 ? setTimeout(stop, timeoutMs) : undefined
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text
        if (!quiet) process.stderr.write(text)
      })
    }
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      children.delete(child)
      watchSignals(children.size > 0)
      resolve({ code: timedOut ? 124 : (code ?? 1), output })
    })
  })
}

/** Like `run`, quiet; a failure prints what the command said and throws `failure`. */
export async function mustRun(command, args, failure, options = {}) {
  const result = await run(command, args, { quiet: true, ...options })
  if (result.code !== 0) {
    process.stderr.write(result.output)
    throw new SetupError(failure)
  }
  return result
}

/** Whether a program of that name is on the PATH. */
export function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, process.platform === 'win32' ? `${name}.exe` : name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
