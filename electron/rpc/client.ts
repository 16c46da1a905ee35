/**
 * The calling end of a contract, typed by it. Aborting sends a cancel and waits for the final answer, which may still be
 * ok (a cancelled generation keeps its text). Everything pending is rejected when the wire closes.
 */

import { AppError } from '../contract/errors.ts'
import type { Contract, EventOf, InputOf, OutputOf } from '../contract/method.ts'
import { type ClientMessage, serverMessageSchema } from './messages.ts'
import type { Wire } from './wire.ts'

type NamesOf<C extends Contract, K extends 'call' | 'stream'> = {
  [N in keyof C]: C[N]['kind'] extends K ? N : never
}[keyof C] &
  string

export type CallName<C extends Contract> = NamesOf<C, 'call'>
export type StreamName<C extends Contract> = NamesOf<C, 'stream'>

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface StreamOptions<E> extends CallOptions {
  /** Called for each event, in order. If it throws, the stream is cancelled and rejects with that error. */
  onEvent(event: E): void
}

export interface Client<C extends Contract> {
  /** Rejects with an AppError. */
  call<K extends CallName<C>>(method: K, input: InputOf<C[K]>, options?: CallOptions): Promise<OutputOf<C[K]>>
  stream<K extends StreamName<C>>(
    method: K,
    input: InputOf<C[K]>,
    options: StreamOptions<EventOf<C[K]>>,
  ): Promise<OutputOf<C[K]>>
}

interface Pending {
  onEvent(value: unknown): void
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** `contract` fixes the types; the server validates values against it. */
export function createClient<C extends Contract>(_contract: C, wire: Wire): Client<C> {
  const pending = new Map<number, Pending>()
  let nextId = 1
  let closed = false

  wire.onMessage((raw) => {
    const message = serverMessageSchema.safeParse(raw)
    if (!message.success) return
    const request = pending.get(message.data.id)
    if (!request) return
    if (message.data.type === 'event') return request.onEvent(message.data.value)
    pending.delete(message.data.id)
    if (message.data.type === 'ok') request.resolve(message.data.value)
    else request.reject(AppError.fromShape(message.data.error))
  })
  wire.onClose(() => {
    closed = true
    const lost = [...pending.values()]
    pending.clear()
    for (const request of lost) request.reject(connectionLost())
  })

  async function request(
    method: string,
    input: unknown,
    { signal, onEvent }: CallOptions & { onEvent?: (event: unknown) => void },
  ): Promise<unknown> {
    if (signal?.aborted) throw new AppError('cancelled', 'cancelled')
    if (closed) throw connectionLost()
    const id = nextId++
    let listenerError: { thrown: unknown } | undefined
    const cancel = () => {
      if (pending.has(id)) send({ type: 'cancel', id })
    }
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await new Promise((resolve, reject) => {
        pending.set(id, {
          resolve: (value) => (listenerError ? reject(listenerError.thrown) : resolve(value)),
          reject: (error) => reject(listenerError ? listenerError.thrown : error),
          onEvent(value) {
            if (listenerError) return
            try {
              onEvent?.(value)
            } catch (thrown) {
              listenerError = { thrown }
              cancel()
            }
          },
        })
        try {
          send({ type: 'req', id, method, input })
        } catch (thrown) {
          pending.delete(id)
          reject(new AppError('bad-input', `The input of ${method} cannot be sent.`, undefined, { cause: thrown }))
        }
      })
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  function send(message: ClientMessage): void {
    wire.send(message)
  }

  return {
    // The server validated the value against the output schema of this very method.
    call: (method, input, options = {}) => request(method, input, options) as Promise<never>,
    stream: (method, input, { signal, onEvent }) =>
      // Same as above, for events.
      request(method, input, { signal, onEvent: (event) => onEvent(event as never) }) as Promise<never>,
  }
}

function connectionLost(): AppError {
  return new AppError(
    'connection-lost',
    'The connection was lost. What the app was doing goes on; reconnect to see it.',
  )
}
