/** The client as a `fetch`, for the Hub's own library: with our redirects, proxies, patience and care for the token. */
import { Readable } from 'node:stream'
import { type HubAnswer, type HubClient, type HubRequest, toHubError } from './hub-client.ts'
import type { Subject } from './hub-errors.ts'
import { DEFAULT_RETRY, type RetryPolicy, withRetries } from './retry.ts'

export interface AsFetchOptions {
  subject?: Subject
  signal?: AbortSignal | undefined
  /** Sent instead of the stored token. */
  token?: string
  retry?: RetryPolicy
  /** Bytes of request bodies as they leave; negative when a try is begun again. */
  onSent?(bytes: number): void
}

/** Refusals reject with an AppError that says what to do; the library's own words are only a status. */
export function asFetch(client: HubClient, options: AsFetchOptions = {}): typeof fetch {
  const { subject, token, retry = DEFAULT_RETRY } = options
  return async (input, init = {}) => {
    const signal = merged(options.signal, init.signal)
    const url = input instanceof Request ? input.url : String(input)
    const base: HubRequest = {
      method: init.method ?? 'GET',
      headers: Object.fromEntries(new Headers(init.headers)),
      signal,
      ...(subject === undefined ? {} : { subject }),
      ...(token === undefined ? {} : { token }),
    }
    try {
      return toResponse(await withRetries(() => send(client, url, base, init.body, options.onSent), retry, signal))
    } catch (error) {
      throw toHubError(error, signal)
    }
  }
}

async function send(
  client: HubClient,
  url: string,
  base: HubRequest,
  body: RequestInit['body'],
  onSent: AsFetchOptions['onSent'],
): Promise<HubAnswer> {
  if (body === null || body === undefined) return client.open(url, base)
  if (typeof body === 'string' || body instanceof Uint8Array) return client.open(url, { ...base, body })
  if (!(body instanceof Blob)) throw new TypeError('Only texts, bytes and blobs are sent.')
  let sent = 0
  const stream = Readable.from(
    counted(body.stream(), (bytes) => {
      sent += bytes
      onSent?.(bytes)
    }),
  )
  try {
    // Known beforehand: storages refuse uploads of unknown length.
    return await client.open(url, {
      ...base,
      headers: { ...base.headers, 'content-length': String(body.size) },
      body: stream,
    })
  } catch (error) {
    onSent?.(-sent)
    throw error
  }
}

async function* counted(stream: AsyncIterable<Uint8Array>, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const part of stream) {
    count(part.length)
    yield part
  }
}

function toResponse(answer: HubAnswer): Response {
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const empty = answer.status === 204 || answer.status === 304
  // Node's and the DOM's stream types are the same at run time.
  const body = empty ? null : (Readable.toWeb(answer.body) as ReadableStream<Uint8Array>)
  const response = new Response(body, { status: answer.status, headers })
  Object.defineProperty(response, 'url', { value: answer.url.href })
  return response
}

function merged(a: AbortSignal | undefined, b: AbortSignal | null | undefined): AbortSignal | undefined {
  if (a === undefined) return b ?? undefined
  return b ? AbortSignal.any([a, b]) : a
}
