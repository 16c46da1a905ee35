/** How an engine process is started: the only thing the hosts do differently about it. */
import type { Wire } from '../rpc/wire.ts'

export interface EngineProcess {
  /** Carries the engine contract; closes when the process is gone. */
  readonly wire: Wire
  readonly pid: number | undefined
  /** Called once when the process has ended. `detail` is for logs ("signal SIGSEGV"): exit codes are not reliable. */
  onExit(listener: (detail: string) => void): void
  /** Each line the process writes, for the log. */
  onOutput(listener: (line: string) => void): void
  /** Ends it at once; `onExit` follows. */
  kill(): void
}

export interface StartOptions {
  /** False keeps the process away from GPUs and their driver. */
  readonly gpu: boolean
}

export interface Starter {
  start(options: StartOptions): EngineProcess
}

/** What an engine process finds in its environment beside what its parent has. */
export function engineEnvironment({ gpu }: StartOptions): Record<string, string> {
  return gpu ? {} : { HQQ_CUDA: 'off' }
}
