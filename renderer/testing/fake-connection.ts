/** A connection for tests: calls answer from a table, streams are driven by the test. Imported by tests only. */
import { createStore } from 'zustand/vanilla'
import type { AppContract, HostInfo } from '../../electron/contract/app.ts'
import { AppError } from '../../electron/contract/errors.ts'
import type { OutputOf } from '../../electron/contract/method.ts'
import type { AppClient, Connection, ConnectionState } from '../client/connection.ts'
import type { AnswerOf, AppCall, AppStream, EventFor, InputFor } from '../client/query-cache.ts'

type Calls = { [M in AppCall]?: (input: InputFor<M>) => AnswerOf<M> | Promise<AnswerOf<M>> }
/** First events of a stream; later ones come from `emit`. */
type Streams = { [M in AppStream]?: (input: InputFor<M>) => readonly EventFor<M>[] }

interface OpenStream {
  emit(event: unknown): void
  finish(output: unknown): void
  lose(): void
}

export interface FakeConnection {
  readonly connection: Connection
  /** Every call so far, by method. */
  readonly asked: { method: string; input: unknown }[]
  /** Sends an event to every open stream of `method`. */
  emit<M extends AppStream>(method: M, event: EventFor<M>): void
  /** Ends every open stream of `method` with its answer. */
  finish<M extends AppStream>(method: M, output: OutputOf<AppContract[M]>): void
  /** Streams of `method` that are open now. */
  openStreams(method: AppStream): number
  /** As after a lost connection that came back. */
  reconnect(): void
}

export const FAKE_HOST: HostInfo = {
  appVersion: '0.0.0',
  host: 'web',
  hasDialogs: false,
  canReveal: true,
  dataDir: '/data',
  platform: 'linux',
}

export function createFakeConnection({
  calls = {},
  streams = {},
}: {
  calls?: Calls
  streams?: Streams
} = {}): FakeConnection {
  const store = createStore<ConnectionState>(() => ({ status: 'open', host: FAKE_HOST, error: null, epoch: 1 }))
  const asked: { method: string; input: unknown }[] = []
  const open = new Map<string, Set<OpenStream>>()
  // The tables are typed by method; looking one up by a variable name loses that.
  const anyCalls = calls as Record<string, ((input: unknown) => unknown) | undefined>
  const anyStreams = streams as Record<string, ((input: unknown) => readonly unknown[]) | undefined>

  async function call(method: string, input: unknown): Promise<unknown> {
    asked.push({ method, input })
    const answer = anyCalls[method]
    if (!answer) throw new AppError('unknown-method', `No answer for ${method} in this test.`)
    return structuredClone(await answer(input))
  }

  function stream(
    method: string,
    input: unknown,
    { signal, onEvent }: { signal?: AbortSignal | undefined; onEvent(event: unknown): void },
  ): Promise<unknown> {
    asked.push({ method, input })
    return new Promise((resolve, reject) => {
      const members = open.get(method) ?? new Set()
      open.set(method, members)
      const entry: OpenStream = {
        emit: onEvent,
        finish: (output) => end(() => resolve(structuredClone(output))),
        lose: () => end(() => reject(new AppError('connection-lost', 'lost'))),
      }
      function end(settle: () => void): void {
        members.delete(entry)
        settle()
      }
      members.add(entry)
      signal?.addEventListener('abort', () => end(() => resolve({})), { once: true })
      queueMicrotask(() => {
        for (const event of anyStreams[method]?.(input) ?? []) if (members.has(entry)) onEvent(structuredClone(event))
      })
    })
  }

  return {
    // Answers come from tables that are typed by method.
    connection: {
      store,
      client: { call, stream } as unknown as AppClient,
      retry: () => undefined,
      dispose: () => undefined,
    },
    asked,
    emit(method, event) {
      for (const { emit } of open.get(method) ?? []) emit(structuredClone(event))
    },
    finish(method, output) {
      for (const { finish } of [...(open.get(method) ?? [])]) finish(output)
    },
    openStreams: (method) => open.get(method)?.size ?? 0,
    reconnect() {
      for (const members of open.values()) for (const { lose } of [...members]) lose()
      store.setState(({ epoch }) => ({ epoch: epoch + 1 }))
    },
  }
}
