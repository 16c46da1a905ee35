/** The web host as a process of its own, as a person would start it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { ROOT, WEB_ENTRY } from '../paths.ts'
import { withoutHub } from './without-hub.ts'

const START_LIMIT_MS = 30_000
const STOP_LIMIT_MS = 10_000

export interface WebHost {
  /** With the token. */
  readonly url: string
  readonly pid: number
  /** Everything it printed so far. */
  output(): string
  /** SIGTERM, as a terminal would; SIGKILL when that is not answered. */
  stop(): Promise<void>
  /** SIGKILL: no goodbye. */
  kill(): Promise<void>
}

export interface WebHostOptions {
  dataDir: string
  env?: Readonly<Record<string, string>>
  /** Put before the node binary, e.g. `unshare` and its arguments. */
  wrapper?: readonly string[]
}

/** Resolves when the address was printed; rejects with the output when it ends before. */
export async function startWebHost({ dataDir, env = {}, wrapper = [] }: WebHostOptions): Promise<WebHost> {
  const command = [...wrapper, process.execPath, WEB_ENTRY, '--port', '0', '--data-dir', dataDir, '--no-open']
  const [program = process.execPath, ...args] = command
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...withoutHub(dataDir), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const url = await addressOf(child, () => output)
  if (child.pid === undefined) throw new Error('The host has no process id.')
  return {
    url,
    pid: child.pid,
    output: () => output,
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
  }
}

function addressOf(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail('did not print its address in time'), START_LIMIT_MS)
    function fail(what: string): void {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new Error(`The host ${what}. It said:\n${output()}`))
    }
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`ended with code ${code}`))
    child.stdout?.on('data', () => {
      const url = /http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]+/.exec(output())?.[0]
      if (url === undefined) return
      clearTimeout(timer)
      child.removeAllListeners('exit')
      resolve(url)
    })
  })
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  await ended
  clearTimeout(timer)
}
