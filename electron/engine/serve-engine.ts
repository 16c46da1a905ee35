/** The engine process: serves the engine contract on its parent's wire until the parent goes away. */
import { engineContract } from '../contract/engine.ts'
import { AppError, toAppError } from '../contract/errors.ts'
import type { Handlers } from '../rpc/server.ts'
import { serve } from '../rpc/server.ts'
import type { Wire } from '../rpc/wire.ts'
import { createBrokenEngineHandlers, createEngineHandlers, type NativeEngine } from './engine-handlers.ts'

/** Time for the last answer to leave the process. */
const LAST_WORDS_MS = 100

export interface ServeEngineOptions {
  readonly wire: Wire
  /** Throws when the addon is missing or does not fit this machine. */
  loadEngine(): NativeEngine
  /** One line for the log. */
  log(line: string): void
  exit(code: number): void
}

export function serveEngine({ wire, loadEngine, log, exit }: ServeEngineOptions): void {
  wire.onClose(() => exit(0))
  serve(engineContract, handlersOf(loadEngine, log), wire, {
    // In the form that engine-cli reads, so that a fault can be studied without the app.
    // Questions about the machine come all the time and say nothing.
    onRequest: (method, input) => method !== 'engine.info' && log(JSON.stringify({ method, input })),
    onError(method, error) {
      log(`${method} failed: ${error.code}: ${error.message}`)
      // After such a fault the device answers nothing but errors until the process is a new one.
      if (error.code === 'device-lost') setTimeout(() => exit(1), LAST_WORDS_MS)
    },
  })
}

function handlersOf(loadEngine: () => NativeEngine, log: (line: string) => void): Handlers<typeof engineContract> {
  try {
    return createEngineHandlers(loadEngine())
  } catch (thrown) {
    const { message } = toAppError(thrown)
    log(`the native engine could not be loaded: ${message}`)
    return createBrokenEngineHandlers(
      new AppError(
        'unsupported',
        `The native engine could not be loaded: ${message} Build it with npm run build:native.`,
      ),
    )
  }
}
