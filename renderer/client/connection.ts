/**
 * One lasting connection over wires that come and go: opens a wire, says hello, and opens the next with back-off when it
 * closes. Calls made while there is none wait for it; what was under way is rejected with `connection-lost`.
 */
import { createStore, type StoreApi } from 'zustand/vanilla'
import { type AppContract, appContract, type HostInfo } from '../../electron/contract/app.ts'
import { AppError, type ErrorShape, toAppError } from '../../electron/contract/errors.ts'
import { type Client, createClient } from '../../electron/rpc/client.ts'
import type { ClosableWire } from './socket-wire.ts'

export type AppClient = Client<AppContract>

export interface ConnectionState {
  readonly status: 'connecting' | 'open' | 'lost' | 'refused'
  /** Known from the first hello on; kept while the connection is away. */
  readonly host: HostInfo | null
  /** Why it was refused: another version, not allowed. */
  readonly error: ErrorShape | null
  /** Counts openings: what depends on a live server starts again when it changes. */
  readonly epoch: number
}

export interface Connection {
  readonly store: StoreApi<ConnectionState>
  readonly client: AppClient
  /** Tries again now, instead of at the end of the wait. */
  retry(): void
  dispose(): void
}

export interface ConnectionOptions {
  openWire(signal: AbortSignal): Promise<ClosableWire>
  appVersion: string
  /** Waits between attempts in milliseconds; the last one repeats. */
  waitsMs?: readonly number[]
}

const WAITS_MS = [200, 500, 1000, 2000, 4000]

export function createConnection({ openWire, appVersion, waitsMs = WAITS_MS }: ConnectionOptions): Connection {
  const store = createStore<ConnectionState>(() => ({ status: 'connecting', host: null, error: null, epoch: 0 }))
  const ending = new AbortController()
  let live: AppClient | null = null
  let attempts = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let connecting = false

  async function connect(): Promise<void> {
    if (connecting || ending.signal.aborted) return
    connecting = true
    clearTimeout(timer)
    let wire: ClosableWire | undefined
    try {
      wire = await openWire(ending.signal)
      const client = createClient(appContract, wire)
      const host = await client.call('app.hello', { appVersion }, { signal: ending.signal })
      attempts = 0
      live = client
      store.setState(({ epoch }) => ({ status: 'open', host, error: null, epoch: epoch + 1 }))
      connecting = false
      wire.onClose(onLost)
    } catch (thrown) {
      connecting = false
      wire?.close()
      const error = toAppError(thrown)
      if (error.code === 'version-mismatch' || error.code === 'not-allowed') onRefused(error)
      else onLost()
    }
  }

  function onLost(): void {
    live = null
    if (ending.signal.aborted) return
    if (store.getState().status === 'open' || attempts > 0) store.setState({ status: 'lost' })
    timer = setTimeout(connect, waitsMs[Math.min(attempts, waitsMs.length - 1)])
    attempts += 1
  }

  /** Another version needs another page; a missing permission may come, from a tab that opened the right address. */
  function onRefused(error: AppError): void {
    store.setState({ status: 'refused', error: error.toShape() })
    if (error.code === 'not-allowed') timer = setTimeout(connect, waitsMs.at(-1))
  }

  /** The live client, once there is one. */
  function ready(signal: AbortSignal | undefined): Promise<AppClient> | AppClient {
    if (live) return live
    return new Promise((resolve, reject) => {
      function settle(): void {
        const { status, error } = store.getState()
        if (live) resolve(live)
        else if (status === 'refused' && error) reject(AppError.fromShape(error))
        else if (signal?.aborted || ending.signal.aborted) reject(new AppError('cancelled', 'cancelled'))
        else return
        stop()
        signal?.removeEventListener('abort', settle)
        ending.signal.removeEventListener('abort', settle)
      }
      const stop = store.subscribe(settle)
      signal?.addEventListener('abort', settle)
      ending.signal.addEventListener('abort', settle)
      settle()
    })
  }

  const client: AppClient = {
    call: async (method, input, options) => (await ready(options?.signal)).call(method, input, options),
    stream: async (method, input, options) => (await ready(options.signal)).stream(method, input, options),
  }

  void connect()
  return {
    store,
    client,
    retry: () => void connect(),
    dispose() {
      clearTimeout(timer)
      ending.abort()
    },
  }
}
