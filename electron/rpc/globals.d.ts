/**
 * The few globals that Node and browsers share, for folders that are compiled with neither's types: the plain ES
 * libraries lack them. Only electron/tsconfig.shared.json includes this file.
 */

interface AbortSignal {
  readonly aborted: boolean
  // biome-ignore lint/suspicious/noExplicitAny: the platform's own declaration says any
  readonly reason: any
  throwIfAborted(): void
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

declare class AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}

declare function structuredClone<T>(value: T): T
declare function queueMicrotask(callback: () => void): void
