/**
 * Starts the engine as Electron's utility process. Electron comes in as an argument, so that tests need no binary.
 * Exit codes are only logged: a crash may report 0 and a clean exit may report a crash (electron #42283, #42290).
 */
import type { utilityProcess } from 'electron'
import { createUtilityProcessWire } from '../wires/electron-port.ts'
import { forEachLine } from './output-lines.ts'
import { type EngineProcess, engineEnvironment, type Starter } from './starter.ts'

export interface ElectronStarterOptions {
  readonly utilityProcess: Pick<typeof utilityProcess, 'fork'>
  /** The worker's bundle. */
  readonly script: string
  readonly args?: readonly string[]
}

export function createElectronStarter({ utilityProcess, script, args = [] }: ElectronStarterOptions): Starter {
  return {
    start(options): EngineProcess {
      const child = utilityProcess.fork(script, [...args], {
        serviceName: 'HQQ Engine',
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...engineEnvironment(options) },
      })
      // On a later tick: posting to the child from inside its exit listener has crashed main (electron #53923).
      const ended = new Promise<string>((resolve) => {
        child.once('exit', (code) => resolve(`exit code ${code}`))
      })
      return {
        wire: createUtilityProcessWire(child),
        // Known only once spawned.
        get pid() {
          return child.pid
        },
        onExit: (listener) => void ended.then(listener),
        onOutput(listener) {
          forEachLine(child.stdout, listener)
          forEachLine(child.stderr, listener)
        },
        kill() {
          // `child.kill()` sends SIGTERM, which an engine that hangs in a kernel may never act on.
          if (child.pid === undefined || !killNow(child.pid)) child.kill()
        },
      }
    },
  }
}

function killNow(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}
