/**
 * The only place that loads the native addon. Only the engine process may import it: a fault in native code ends the whole
 * process it is loaded in.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { AppError, NATIVE_ERROR_CODES } from '../contract/errors.ts'
import { BINDING_KEYS, type NativeBinding } from './addon-types.ts'
import type { NativeEngine } from './engine-handlers.ts'

const FILE = 'hqq_engine.node'

export interface RunOptions {
  signal: AbortSignal
  /** Events in order, parsed; throwing from it cancels the job and rejects with what was thrown. */
  onEvent?(event: unknown): void
}

/** The engine of the loaded addon. */
export interface AddonEngine extends NativeEngine {
  readonly version: string
  readonly methods: readonly string[]
  /** Runs one method to its end. Rejects with AppError; aborting gives `cancelled` unless the method has an answer for it. */
  run(method: string, input: unknown, options: RunOptions): Promise<unknown>
}

/** Loads the addon from `path`, else ('') from HQQ_ADDON, else from where the set-up and the packager put it. */
export function loadEngine(path = ''): AddonEngine {
  const requireNative = createRequire(import.meta.url)
  const file = path === '' ? addonPath() : path
  // What a foreign binary exports cannot be known to the compiler; the keys are checked below.
  const binding = requireNative(file) as NativeBinding
  const missing = BINDING_KEYS.filter((key) => typeof binding[key] !== 'function')
  if (missing.length > 0) throw new AppError('internal', `${file} is not this app's engine: no ${missing.join(', ')}.`)
  return wrapBinding(binding)
}

/** The typed wrapper over a loaded binding. */
export function wrapBinding(binding: NativeBinding): AddonEngine {
  return { version: binding.version(), methods: binding.methods(), run: (...call) => run(binding, ...call) }
}

async function run(binding: NativeBinding, method: string, input: unknown, options: RunOptions): Promise<unknown> {
  // Made before the call: a stack that begins in a native thread's callback says nothing about who asked.
  const asked = new Error(method)
  const { signal, onEvent } = options
  if (signal.aborted) throw new AppError('cancelled', 'cancelled')
  const job = binding.start(method, JSON.stringify(input), (json) => onEvent?.(JSON.parse(json)))
  const cancel = () => job.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  // An abort between the first look and the listener would otherwise be missed.
  if (signal.aborted) cancel()
  try {
    return JSON.parse(await job.promise)
  } catch (thrown) {
    throw fromNative(thrown, asked)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** A native error under its code, with the stack of the caller; anything else is passed on. */
function fromNative(thrown: unknown, asked: Error): unknown {
  if (!(thrown instanceof Error) || !('code' in thrown)) return thrown
  const code = NATIVE_ERROR_CODES.find((known) => known === thrown.code)
  if (code === undefined) return thrown
  const error = new AppError(code, thrown.message)
  error.stack = [`${error.name}: ${error.message}`, ...(asked.stack ?? '').split('\n').slice(1)].join('\n')
  return error
}

/** Where the addon is when nobody says. */
export function addonPath(): string {
  const given = process.env.HQQ_ADDON
  if (given !== undefined && given !== '') return given
  // Beside the bundle or its chunks, unpacked from an asar archive (a shared library cannot be loaded from inside one);
  // or, from the sources, where the set-up and a plain CMake build put it.
  const here = import.meta.dirname.replace(/app\.asar(?=[\\/]|$)/, 'app.asar.unpacked')
  const folders = ['.', '..', '../../out', '../../build/native']
  const found = folders.map((folder) => join(here, folder, FILE)).find((path) => existsSync(path))
  if (found === undefined) {
    throw new AppError('not-found', `The native engine (${FILE}) is not built. Run \`npm run build:native\`.`)
  }
  return found
}
