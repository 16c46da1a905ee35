/** Runs one command: opens the application, gives it a signal for Ctrl-C, prints its result, closes everything. */
import type { Command } from 'commander'
import type { App } from '../app.ts'
import { AppError, toAppError } from '../contract/errors.ts'
import type { JobContext } from '../services/job-kind.ts'
import { createProgressReporter } from '../services/job-runner.ts'
import type { Services } from '../services/services.ts'
import { printError, printResult, type Result, type Streams, UsageError } from './output.ts'
import { createProgressLine, type ProgressLine } from './progress-line.ts'

export interface CliHost {
  streams: Streams
  /** Opens the application on a data folder; null takes the usual one. `log` hears the engine. */
  openApp(dataDir: string | null, log: (line: string) => void): Promise<App>
  /** Aborted by the first Ctrl-C. */
  signal: AbortSignal
  /** Lines a person types, for the chat; ends with the input. */
  readLine(prompt: string): Promise<string | null>
  setExitCode(code: number): void
}

export interface Session {
  services: Services
  signal: AbortSignal
  streams: Streams
  progress: ProgressLine
  json: boolean
}

/** Options that every command has. */
export interface CommonOptions {
  json?: boolean
  dataDir?: string
  threads?: number
  verbose?: boolean
  quiet?: boolean
}

export function common(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on stdout')
    .option('--data-dir <folder>', 'folder of settings, library and models (also HQQ_DATA_DIR)')
    .option('--threads <n>', 'engine threads (default: the setting, else all physical cores)', Number)
    .option('--verbose', "show the engine's log")
    .option('--quiet', 'no progress on stderr')
}

/** Makes a commander action out of a command. Its errors end in an exit code, never in a stack trace. */
export async function runInSession(
  host: CliHost,
  options: CommonOptions,
  run: (session: Session) => Promise<Result | null>,
): Promise<void> {
  const streams = options.quiet ? { ...host.streams, stderr() {} } : host.streams
  const progress = createProgressLine(streams)
  const json = options.json ?? false
  const log = (line: string) => (options.verbose ? progress.note(line) : undefined)
  let app: App | undefined
  try {
    app = await host.openApp(options.dataDir ?? null, log)
    const { threads } = options
    if (threads !== undefined) await setThreads(app.services, threads)
    const result = await run({ services: app.services, signal: host.signal, streams: host.streams, progress, json })
    progress.end()
    if (result !== null) printResult(host.streams, result, json)
  } catch (thrown) {
    progress.end()
    const error = host.signal.aborted ? new AppError('cancelled', 'cancelled') : toAppError(thrown)
    host.setExitCode(printError(host.streams, error, json))
  } finally {
    await app?.dispose()
  }
}

async function setThreads(services: Services, threads: number): Promise<void> {
  if (!Number.isInteger(threads) || threads < 1) throw new UsageError('--threads needs a whole number from 1 on.')
  await services.supervisor.call('engine.configure', { threads, simd: null })
}

/** The context of work that runs without a job record. */
export function workContext({ signal, progress }: Session): JobContext {
  return {
    signal,
    jobId: 'command-line',
    attempt: 1,
    progress: createProgressReporter(progress.update, () => performance.now()),
    tensor() {},
    log: progress.note,
  }
}
