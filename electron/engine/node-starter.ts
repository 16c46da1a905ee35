/** Starts the engine as a forked Node process. */
import { fork } from 'node:child_process'
import { createChildProcessWire } from '../wires/child-process.ts'
import { forEachLine } from './output-lines.ts'
import { type EngineProcess, engineEnvironment, type Starter } from './starter.ts'

export interface NodeStarterOptions {
  /** The worker's bundle. */
  readonly script: string
  readonly args?: readonly string[]
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
}

export function createNodeStarter({ script, args = [], env = {} }: NodeStarterOptions): Starter {
  return {
    start(options): EngineProcess {
      const child = fork(script, args, {
        serialization: 'advanced',
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        // The host's own flags (an inspector port, a loader) are not the worker's.
        execArgv: [],
        env: { ...process.env, ...env, ...engineEnvironment(options) },
      })
      // A failed spawn is told as 'error' without 'exit'.
      const ended = new Promise<string>((resolve) => {
        child.once('error', (error) => resolve(error.message))
        child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`))
      })
      return {
        wire: createChildProcessWire(child),
        pid: child.pid,
        onExit: (listener) => void ended.then(listener),
        onOutput(listener) {
          forEachLine(child.stdout, listener)
          forEachLine(child.stderr, listener)
        },
        kill: () => void child.kill('SIGKILL'),
      }
    },
  }
}
