/**
 * Requests to one Hub: redirects, the token, patience. The token goes to the Hub's own origin and nowhere else: the storage that a
 * download is redirected to never sees it.
 */
import { AppError } from '../contract/errors.ts'
import type { HubEnvironment } from './environment.ts'
import { isNetworkFailure, refusal, type Subject } from './hub-errors.ts'
import type { RangeAddress } from './mover/messages.ts'
import { parseRetryAfter, type RetryPolicy, Transient, withRetries } from './retry.ts'
import type { HttpRequest, HttpResponse, Transport } from './transport.ts'

export interface HubRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: HttpRequest['body']
  readonly signal?: AbortSignal | undefined
  /** Whom an error is about. */
  readonly subject?: Subject
  /** Sent instead of the stored token; null sends none. */
  readonly token?: string | null
}

export interface HubAnswer extends HttpResponse {
  /** The answer of the Hub itself, before it redirected elsewhere; the same as this where it did not. */
  readonly first: HttpResponse
}

export interface HubClient {
  readonly endpoint: string
  readonly offline: boolean
  pageOf(repo: RepoName): string
  /** One try, redirects followed. Any status below 400 resolves. Throws AppError, or Transient for what may be tried again. */
  open(url: string, request?: HubRequest): Promise<HubAnswer>
  /** As `open`, but every status resolves and nothing is thrown for one. */
  exchange(url: string, request?: HubRequest): Promise<HubAnswer>
  /** As `exchange` would ask, for somebody who makes a connection of his own; null where that cannot be. */
  addressOf(url: string, headers: Readonly<Record<string, string>>): Promise<RangeAddress | null>
  /** With retries. Throws `bad-file` for an answer that is no JSON. */
  json(url: string, request?: HubRequest): Promise<{ value: unknown; answer: HubAnswer }>
  /** With retries; at most `limit` bytes. */
  bytes(url: string, limit: number, request?: HubRequest): Promise<Uint8Array>
}

export type RepoType = 'model' | 'dataset'

export interface RepoName {
  readonly type: RepoType
  /** owner/name */
  readonly name: string
}

export interface HubClientDeps {
  environment: Pick<HubEnvironment, 'endpoint' | 'offline'>
  transport: Transport
  token(): Promise<string | null>
  retry: RetryPolicy
  now(): number
}

const MAX_REDIRECTS = 8
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
export const BUSY: readonly number[] = [408, 425, 429, 500, 502, 503, 504]
const MAX_JSON_BYTES = 64 * 2 ** 20

export function createHubClient({ environment, transport, token, retry, now }: HubClientDeps): HubClient {
  const { endpoint, offline } = environment
  const home = new URL(endpoint)

  async function follow(start: URL, request: HubRequest): Promise<HubAnswer & { signedIn: boolean }> {
    if (offline) throw new AppError('network', 'Offline mode is on (HF_HUB_OFFLINE), so nothing is asked of the Hub.')
    const secret = request.token === undefined ? await token() : request.token
    let url = start
    let first: HttpResponse | null = null
    let signedIn = false
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const own = url.origin === home.origin
      signedIn ||= own && secret !== null
      const response = await transport.send({
        ...pick(request),
        url,
        headers: headersFor(request, own ? secret : null, own),
      })
      first ??= response
      const location = response.header('location')
      if (!REDIRECTS.includes(response.status) || location === null) {
        return Object.assign(response, { first, signedIn })
      }
      response.body.resume()
      url = redirectOf(url, location)
    }
    throw new AppError('network', `${start.host} redirects in circles.`)
  }

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isNetworkFailure(error)) throw new Transient(describe(error), null, { cause: error })
      throw error
    }
  }

  function exchange(url: string, request: HubRequest = {}): Promise<HubAnswer> {
    return attempt(() => follow(new URL(url, `${endpoint}/`), request))
  }

  function open(url: string, request: HubRequest = {}): Promise<HubAnswer> {
    return attempt(async () => {
      const answer = await follow(new URL(url, `${endpoint}/`), request)
      if (answer.status < 400) return answer
      answer.body.resume()
      if (BUSY.includes(answer.status)) {
        const wish = parseRetryAfter(answer.header('retry-after'), now())
        throw new Transient(`${answer.url.host} answered ${answer.status}`, wish)
      }
      // The storage that the Hub redirected to refuses a signed address, which is the Hub's to make anew.
      if (answer.url.origin !== home.origin && answer.first !== answer) {
        throw new Transient(`${answer.url.host} answered ${answer.status}`)
      }
      throw refusal(answer, request.subject ?? null, answer.signedIn)
    })
  }

  async function persistently<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await withRetries(() => attempt(work), retry, signal)
    } catch (error) {
      throw toHubError(error, signal)
    }
  }

  async function bytes(url: string, limit: number, request: HubRequest = {}): Promise<Uint8Array> {
    return persistently(async () => readAll(await open(url, request), limit), request.signal)
  }

  return {
    endpoint,
    offline,
    pageOf: ({ type, name }) => `${endpoint}/${type === 'dataset' ? 'datasets/' : ''}${name}`,
    open,
    exchange,
    async addressOf(text, headers) {
      const url = new URL(text, `${endpoint}/`)
      const own = url.origin === home.origin
      return transport.addressOf(url, headersFor({ headers }, own ? await token() : null, own))
    },
    json: (url, request = {}) =>
      persistently(async () => {
        const answer = await open(url, { ...request, headers: { accept: 'application/json', ...request.headers } })
        const text = new TextDecoder().decode(await readAll(answer, MAX_JSON_BYTES))
        try {
          return { value: JSON.parse(text) as unknown, answer }
        } catch (cause) {
          throw new AppError('bad-file', `${answer.url.host} sent an answer that is not JSON.`, undefined, { cause })
        }
      }, request.signal),
    bytes,
  }
}

/** What is thrown to people: what stayed transient to the end is the network's failure, an abort is a cancellation. */
export function toHubError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return new AppError('cancelled', 'cancelled', undefined, { cause: error })
  if (!(error instanceof Transient)) return error
  const wish = error.retryAfterMs
  const later = wish === null ? 'Try again later.' : `It asks to wait ${Math.ceil(wish / 1000)} s.`
  return new AppError('network', `The Hub cannot be reached: ${error.message}. ${later}`, undefined, { cause: error })
}

function headersFor(request: HubRequest, secret: string | null, own: boolean): Record<string, string> {
  const { authorization: _, cookie: __, ...headers } = lowerCased(request.headers ?? {})
  if (secret !== null && own) headers.authorization = `Bearer ${secret}`
  return headers
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function pick({ method, body, signal }: HubRequest): Omit<HttpRequest, 'url' | 'headers'> {
  return { ...(method === undefined ? {} : { method }), ...(body === undefined ? {} : { body }), signal }
}

/** An https address never leads to an unprotected one. */
function redirectOf(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null
  if (to === null || !/^https?:$/.test(to.protocol) || (from.protocol === 'https:' && to.protocol !== 'https:')) {
    throw new AppError('network', `${from.host} redirects to an address that is not followed.`)
  }
  return to
}

async function readAll(answer: HttpResponse, limit: number): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of answer.body) {
    length += part.length
    if (length > limit) {
      answer.body.destroy()
      throw new AppError('bad-file', `${answer.url.host} sent more than was asked for.`)
    }
    parts.push(part)
  }
  const announced = answer.header('content-length')
  if (announced !== null && Number(announced) !== length) throw new Transient('the answer was cut off')
  return Buffer.concat(parts)
}

function describe(error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name could not be looked up'
  if (code === 'ECONNREFUSED') return 'the connection was refused'
  if (code === 'ESTALLED') return error.message
  return `the connection was lost${code === '' ? '' : ` (${code})`}`
}
