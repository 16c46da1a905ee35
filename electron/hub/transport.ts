/**
 * One HTTP exchange: no redirects, no retries, no credentials of its own. Built on node:http because fetch hides what a download
 * needs: the silence of a connection, the proxy, and where a redirect leads.
 */
import * as http from 'node:http'
import * as https from 'node:https'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import * as tls from 'node:tls'
import type { Environment } from './environment.ts'
import type { RangeAddress } from './mover/messages.ts'
import { proxyCredentials, proxyFor } from './proxy.ts'

export interface HttpRequest {
  readonly method?: string
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | Readable
  readonly signal?: AbortSignal | undefined
}

export interface HttpResponse {
  readonly status: number
  readonly url: URL
  /** Null when absent; of one that was sent twice the first. Names in lower case. */
  header(name: string): string | null
  readonly headers: http.IncomingHttpHeaders
  readonly body: http.IncomingMessage
}

export interface Transport {
  /** Resolves with the head of the answer. Rejects when the connection fails or nothing moves for `stallMs`. */
  send(request: HttpRequest): Promise<HttpResponse>
  /** The same request for somebody who makes a connection of his own; null for an address behind a proxy. */
  addressOf(url: URL, headers: Readonly<Record<string, string>>): RangeAddress | null
  /** Closes idle connections. */
  dispose(): void
}

export interface TransportOptions {
  env: Environment
  /** A connection on which nothing moved for this long is given up; a slow one is not. */
  stallMs: number
  userAgent: string
}

const KEPT_OPEN = { keepAlive: true, maxFreeSockets: 16, scheduling: 'lifo' } as const

export function createTransport({ env, stallMs, userAgent }: TransportOptions): Transport {
  const plain = new http.Agent(KEPT_OPEN)
  const secure = new https.Agent(KEPT_OPEN)
  const tunnels = new Map<string, https.Agent>()

  function tunnelOf(proxy: URL): https.Agent {
    const known = tunnels.get(proxy.href)
    if (known !== undefined) return known
    const agent = createTunnelAgent(proxy, stallMs)
    tunnels.set(proxy.href, agent)
    return agent
  }

  function start(request: HttpRequest, headers: Record<string, string>): http.ClientRequest {
    const { url, method = 'GET' } = request
    const options: https.RequestOptions = { method, headers, timeout: stallMs }
    if (request.signal !== undefined) options.signal = request.signal
    const proxy = proxyFor(url, env)
    if (url.protocol === 'https:') {
      return https.request(url, { ...options, agent: proxy === null ? secure : tunnelOf(proxy) })
    }
    if (proxy === null) return http.request(url, { ...options, agent: plain })
    const credentials = proxyCredentials(proxy)
    if (credentials !== null) headers['proxy-authorization'] = credentials
    const { hostname, port } = proxy
    return http.request({ ...options, hostname, port: port || 80, path: url.href, agent: plain })
  }

  const headersFor = (url: URL, headers: HttpRequest['headers']) => ({
    'user-agent': userAgent,
    'accept-encoding': 'identity',
    host: url.host,
    ...headers,
  })

  return {
    addressOf(url, headers) {
      if (proxyFor(url, env) !== null) return null
      const secure = url.protocol === 'https:'
      return {
        // Sockets take IPv6 addresses without their brackets.
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: Number(url.port) || (secure ? 443 : 80),
        secure,
        path: `${url.pathname}${url.search}`,
        headers: headersFor(url, headers),
        stallMs,
      }
    },
    send(request) {
      const headers = headersFor(request.url, request.headers)
      return new Promise((resolve, reject) => {
        const sent = start(request, headers)
        sent.once('error', reject)
        sent.on('timeout', () => sent.destroy(stalled(request.url.host, stallMs)))
        sent.once('response', (body) => {
          sent.off('error', reject)
          // Whoever reads the body hears of it there.
          sent.on('error', (error) => body.destroy(error))
          resolve({
            status: body.statusCode ?? 0,
            url: request.url,
            headers: body.headers,
            header: (name) => firstOf(body.headers[name.toLowerCase()]),
            body,
          })
        })
        if (request.body === undefined || typeof request.body === 'string' || request.body instanceof Uint8Array) {
          sent.end(request.body)
        } else pipeline(request.body, sent, (error) => error && reject(error))
      })
    },
    dispose() {
      for (const agent of [plain, secure, ...tunnels.values()]) agent.destroy()
    },
  }
}

function firstOf(value: string | string[] | undefined): string | null {
  return Array.isArray(value) ? (value[0] ?? null) : (value ?? null)
}

function stalled(host: string, ms: number): Error {
  return Object.assign(new Error(`${host} sent nothing for ${ms / 1000} s`), { code: 'ESTALLED' })
}

/** An agent whose connections go through a proxy's CONNECT. */
function createTunnelAgent(proxy: URL, stallMs: number): https.Agent {
  const agent = new https.Agent(KEPT_OPEN)
  const credentials = proxyCredentials(proxy)
  const open = (options: tls.ConnectionOptions, done: (error: Error | null, socket?: Socket) => void) => {
    const target = `${options.host}:${options.port}`
    const asked = (proxy.protocol === 'https:' ? https : http).request({
      hostname: proxy.hostname,
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...(credentials === null ? {} : { 'proxy-authorization': credentials }) },
      timeout: stallMs,
      agent: false,
    })
    asked.once('connect', (answer, socket) => {
      if (answer.statusCode === 200) return done(null, tls.connect({ ...options, socket }))
      socket.destroy()
      done(new Error(`the proxy ${proxy.host} answered ${answer.statusCode}`))
    })
    asked.once('timeout', () => asked.destroy(stalled(proxy.host, stallMs)))
    asked.once('error', (error) => done(error))
    asked.end()
  }
  // The declared type knows only the form that returns a socket; the callback form is documented beside it.
  return Object.assign(agent, { createConnection: open as unknown as https.Agent['createConnection'] })
}
