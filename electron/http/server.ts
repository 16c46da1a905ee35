/** The loopback server of the web host: guarded routes, and a WebSocket a page for RPC. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { WebSocketServer } from 'ws'
import { AppError } from '../contract/errors.ts'
import type { Wire } from '../rpc/wire.ts'
import { createSocketWire } from '../wires/websocket.ts'
import { createGuard, type Guard, type Verdict } from './guard.ts'
import { SECURITY_HEADERS } from './policy.ts'
import type { Routes } from './routes.ts'

const RPC_PATH = '/rpc'
/** A conversation or a configuration is far smaller. */
const MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024

export interface WebServerOptions {
  /** 0: any free one. */
  readonly port: number
  readonly routes: Routes
  /** Called for each page that connects. */
  onConnection(wire: Wire): void
}

export interface WebServer {
  readonly port: number
  /** With the token: whoever has it may use the app. */
  readonly url: string
  close(): Promise<void>
}

/** Listens on 127.0.0.1 only. Rejects with `io` when the port is taken. */
export async function startWebServer({ port, routes, onConnection }: WebServerOptions): Promise<WebServer> {
  const server = createServer()
  const bound = await listen(server, port)
  const guard = createGuard(bound)
  const respond = getRequestListener((request) => routes.fetch(request), { overrideGlobalObjects: false })
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_LIMIT_BYTES })

  server.on('request', (request, response) => {
    if (answer(response, guard.checkRequest(request))) void respond(request, response)
  })
  server.on('upgrade', (request, socket, head) => {
    // The page may go away while its upgrade is under way.
    socket.on('error', () => socket.destroy())
    if (!mayUpgrade(guard, request, socket)) return
    sockets.handleUpgrade(request, socket, head, (webSocket) => onConnection(createSocketWire(webSocket)))
  })

  return {
    port: bound,
    url: `http://127.0.0.1:${bound}/?token=${guard.token}`,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new AppError('io', `Port ${port} cannot be used: ${error.message}.`)))
    // A listening TCP server's address is always of this kind.
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

/** Answers what the guard does not let through; true when the request may go on. */
function answer(response: ServerResponse, verdict: Verdict): boolean {
  if (verdict.kind === 'allow') return true
  const own = verdict.kind === 'enter' ? { 'set-cookie': verdict.setCookie, location: verdict.location } : {}
  response.writeHead(verdict.kind === 'enter' ? 302 : verdict.status, {
    ...SECURITY_HEADERS,
    ...own,
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
  })
  response.end(verdict.kind === 'refuse' ? `${verdict.reason}\n` : '')
  return false
}

function mayUpgrade(guard: Guard, request: IncomingMessage, socket: Duplex): boolean {
  const verdict = guard.checkUpgrade(request)
  if (verdict.kind === 'allow' && request.url === RPC_PATH) return true
  const status = verdict.kind === 'refuse' ? `${verdict.status} Refused` : '404 Not Found'
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`)
  return false
}
