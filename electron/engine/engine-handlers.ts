/** The engine contract over the native addon: long work queues for the one device, short reads do not. */
import { type EngineContract, engineContract } from '../contract/engine.ts'
import type { AppError } from '../contract/errors.ts'
import type { CallContext, Handlers, StreamContext } from '../rpc/server.ts'
import { createJobQueue } from './job-queue.ts'

/** Runs one native method. Rejects with an AppError; an aborted signal becomes a native cancel. */
export interface NativeEngine {
  run(method: string, input: unknown, options: { signal: AbortSignal; onEvent(event: unknown): void }): Promise<unknown>
}

const NOT_QUEUED: ReadonlySet<string> = new Set<keyof EngineContract>([
  'engine.info',
  'engine.configure',
  'model.inspect',
  'gguf.inspect',
  'debug.crash',
])

export function createEngineHandlers(engine: NativeEngine): Handlers<EngineContract> {
  const queue = createJobQueue()
  return forEachMethod((method) => (input: unknown, context: CallContext & Partial<StreamContext<unknown>>) => {
    const { signal, emit } = context
    const run = () => engine.run(method, input, { signal, onEvent: (event) => emit?.(event) })
    return NOT_QUEUED.has(method) ? run() : queue.run(signal, run)
  })
}

/** What is served when the addon cannot be loaded: each question is answered with the reason. */
export function createBrokenEngineHandlers(error: AppError): Handlers<EngineContract> {
  return forEachMethod(() => () => Promise.reject(error))
}

function forEachMethod(handlerOf: (method: string) => unknown): Handlers<EngineContract> {
  const names = Object.keys(engineContract)
  // One generic handler serves all methods; the server checks what goes in and comes out of each.
  return Object.fromEntries(names.map((name) => [name, handlerOf(name)])) as unknown as Handlers<EngineContract>
}
