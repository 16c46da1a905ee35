/**
 * The native addon as it is: everything crosses as JSON text, with the names and fields of contract/engine.ts.
 * Written by hand; addon.test.ts compares its keys with what the built addon exports.
 */

/** A job that runs on a thread of its own inside the addon. */
export interface StartedJob {
  /** The result as JSON text, or an Error with a `code` of NATIVE_ERROR_CODES. */
  readonly promise: Promise<string>
  /** Asks it to stop; harmless at any time, also after the end. */
  cancel(): void
}

export interface NativeBinding {
  version(): string
  /** Names of the dispatch table; `debug.crash` only when the process was started with HQQ_FAULTS=1. */
  methods(): string[]
  /** `onEvent` gets each event as JSON text, in order; unread progress is replaced by newer progress. */
  start(method: string, inputJson: string, onEvent: (json: string) => void): StartedJob
}

/** Export names, for the test and for the check at load time. */
export const BINDING_KEYS = ['methods', 'start', 'version'] as const satisfies readonly (keyof NativeBinding)[]
