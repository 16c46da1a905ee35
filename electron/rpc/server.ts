/**
 * The serving end of a contract: validates, dispatches, gives each request an AbortSignal and sends exactly one final
 * answer, whatever the handler does. Values are validated here, on the way in and on the way out; clients trust them.
 */
import { z } from 'zod'
import { AppError, toAppError } from '../contract/errors.ts'
import type { Contract, Method, ParsedInputOf, StreamMethod } from '../contract/method.ts'
import { clientMessageSchema, type Request, type ServerMessage } from './messages.ts'
import type { Wire } from './wire.ts'

export interface CallContext {
  /** Aborted when the client cancels or its wire closes. */
  readonly signal: AbortSignal
}

export interface StreamContext<E> extends CallContext {
  /** Sends one event; does nothing after the final answer. */
  emit(event: E): void
}

/** What a handler may return: the output before defaults are filled in. */
type Answer<M extends Method> = z.input<M['output']>

export type Handler<M extends Method> = M extends StreamMethod
  ? (input: ParsedInputOf<M>, context: StreamContext<z.input<M['event']>>) => Promise<Answer<M>> | Answer<M>
  : (input: ParsedInputOf<M>, context: CallContext) => Promise<Answer<M>> | Answer<M>

/** One handler for each method: the compiler refuses an incomplete object, and `serve` checks it again. */
export type Handlers<C extends Contract> = { readonly [K in keyof C]: Handler<C[K]> }

export interface ServeOptions {
  /** Hears of each failed request, for the log. Cancellations are not failures and are not reported. */
  onError?(method: string, error: AppError): void
  /** Hears of each valid request before it is dispatched. */
  onRequest?(method: string, input: unknown): void
}

export interface Server {
  /** Aborts everything that runs; answers are dropped from here on. */
  close(): void
}

type AnyHandler = (input: unknown, context: StreamContext<unknown>) => unknown

/** Serves `contract` on `wire` until it closes. Throws when a method has no handler. */
export function serve<C extends Contract>(
  contract: C,
  handlers: Handlers<C>,
  wire: Wire,
  options: ServeOptions = {},
): Server {
  const missing = Object.keys(contract).filter((name) => !Object.hasOwn(handlers, name))
  if (missing.length > 0) throw new AppError('internal', `No handler for ${missing.join(', ')}.`)
  const running = new Map<number, AbortController>()
  let closed = false

  wire.onMessage((raw) => {
    const message = clientMessageSchema.safeParse(raw)
    // Without an id there is nobody to answer, and an id in use already has its one answer coming.
    if (closed || !message.success) return
    if (message.data.type === 'cancel') running.get(message.data.id)?.abort()
    else if (!running.has(message.data.id)) start(message.data)
  })
  wire.onClose(close)

  function close(): void {
    closed = true
    for (const controller of running.values()) controller.abort()
    running.clear()
  }

  function start(request: Request): void {
    const controller = new AbortController()
    running.set(request.id, controller)
    // On a later tick: a handler that throws or answers at once must not run inside the transport's callback.
    void Promise.resolve().then(() => dispatch(request, controller))
  }

  async function dispatch(request: Request, controller: AbortController): Promise<void> {
    const { id } = request
    let open = true

    function finish(answer: ServerMessage): void {
      if (!open || closed) return
      wire.send(answer)
      open = false
      running.delete(id)
    }
    function fail(thrown: unknown): void {
      if (!open || closed) return
      const error = toAppError(thrown)
      if (error.code !== 'cancelled') options.onError?.(request.method, error)
      finish({ type: 'err', id, error: error.toShape() })
    }
    function answer(method: Method, value: unknown): void {
      const output = check(method.output, value, 'bad-output', `output of ${request.method}`)
      try {
        finish({ type: 'ok', id, value: output })
      } catch (thrown) {
        throw new AppError('bad-output', `The output of ${request.method} cannot be sent.`, undefined, {
          cause: thrown,
        })
      }
    }
    function emit(method: StreamMethod, event: unknown): void {
      if (!open || closed) return
      try {
        const value = check(method.event, event, 'bad-output', `event of ${request.method}`)
        const key = method.latest?.(value)
        wire.send({ type: 'event', id, value }, typeof key === 'string' ? `${id}:${key}` : undefined)
      } catch (thrown) {
        fail(thrown)
        controller.abort()
      }
    }

    try {
      if (!Object.hasOwn(contract, request.method)) {
        throw new AppError('unknown-method', `Unknown method ${JSON.stringify(request.method)}.`)
      }
      // Own property just checked; the index signature cannot know.
      const method = contract[request.method] as Method
      const input = check(method.input, request.input, 'bad-input', `input of ${request.method}`)
      options.onRequest?.(request.method, input)
      // The mapped type guarantees the handler fits its method; a lookup by string loses that link.
      const handler = handlers[request.method] as AnyHandler
      const value = await handler(input, {
        signal: controller.signal,
        emit: (event) => (method.kind === 'stream' ? emit(method, event) : undefined),
      })
      answer(method, value)
    } catch (thrown) {
      fail(thrown)
    }
  }

  return { close }
}

function check<S extends z.ZodType>(
  schema: S,
  value: unknown,
  code: 'bad-input' | 'bad-output',
  what: string,
): z.output<S> {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new AppError(code, `Invalid ${what}: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
