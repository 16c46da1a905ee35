import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Wire } from '../rpc/wire.ts'
import { createRoutes } from './routes.ts'
import { startWebServer, type WebServer } from './server.ts'

let folder: string
let server: WebServer
let connections: Wire[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hqq-http-'))
  await mkdir(join(folder, 'renderer', 'assets'), { recursive: true })
  await writeFile(join(folder, 'secret.txt'), 'secret')
  await writeFile(join(folder, 'renderer', 'index.html'), '<!doctype html><title>app</title>')
  await writeFile(join(folder, 'renderer', 'assets', 'main-abc.js'), 'export {}')
  connections = []
  const routes = await createRoutes({ rendererDir: join(folder, 'renderer') })
  server = await startWebServer({ port: 0, routes, onConnection: (wire) => connections.push(wire) })
})
afterEach(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

interface Reply {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

/** A raw request: fetch would tidy the path and refuse to set Host and Origin. */
function get(path: string, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port: server.port, path, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    call.on('error', reject).end()
  })
}

async function enter(): Promise<{ cookie: string }> {
  const { headers } = await get(new URL(server.url).pathname + new URL(server.url).search)
  return { cookie: String(headers['set-cookie']).split(';')[0] ?? '' }
}

/** Opens the RPC socket; resolves with "open" or the HTTP status of the refusal. */
function upgrade(headers: Record<string, string>, path = '/rpc'): Promise<'open' | number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers })
    socket.on('open', () => resolve('open'))
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    socket.on('error', reject)
  })
}

const own = () => `http://127.0.0.1:${server.port}`

describe('token', () => {
  it('is exchanged for a strict cookie of this port and leaves the address', async () => {
    const { status, headers } = await get(`/${new URL(server.url).search}`)
    expect(status).toBe(302)
    expect(headers.location).toBe('/')
    expect(String(headers['set-cookie'])).toMatch(
      new RegExp(`^hqq-studio-${server.port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/$`),
    )
    expect(String(headers['set-cookie'])).not.toContain(new URL(server.url).searchParams.get('token'))
  })

  it('lets the page in by its cookie', async () => {
    const { status, body } = await get('/', await enter())
    expect(status).toBe(200)
    expect(body).toContain('<title>app</title>')
  })

  it.each([
    ['nothing', '/', {}],
    ['a wrong token', '/?token=wrong', {}],
    ['an empty token', '/?token=', {}],
    ['a wrong cookie', '/', { cookie: 'hqq-studio-1=x; other=y' }],
    ['nothing, for a file', '/assets/main-abc.js', {}],
  ])('refuses %s', async (_what, path, headers) => {
    const { status, body } = await get(path, headers)
    expect(status).toBe(403)
    expect(body).not.toContain('app</title>')
  })

  it('refuses a cookie of the right name with another value', async () => {
    const { cookie } = await enter()
    expect((await get('/', { cookie: `${cookie.slice(0, -1)}!` })).status).toBe(403)
  })
})

describe('host and origin', () => {
  it.each(['evil.example', 'evil.example:80', '127.0.0.1', 'localhost'])('refuses the Host %s', async (host) => {
    expect((await get('/', { ...(await enter()), host })).status).toBe(421)
  })

  it('refuses a foreign Host even with the token', async () => {
    expect((await get(`/${new URL(server.url).search}`, { host: 'evil.example' })).status).toBe(421)
  })

  it('accepts localhost with the port', async () => {
    expect((await get('/', { ...(await enter()), host: `localhost:${server.port}` })).status).toBe(200)
  })

  it.each(['http://evil.example', 'null', 'http://127.0.0.1:1'])('refuses the Origin %s', async (origin) => {
    expect((await get('/', { ...(await enter()), origin })).status).toBe(403)
  })
})

describe('files', () => {
  it.each([
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/assets/../../secret.txt',
    '/assets/..%5c..%5csecret.txt',
    '//secret.txt',
    '/%00',
    '/nothing.html',
    '/__proto__',
  ])('finds nothing at %s', async (path) => {
    const { status, body } = await get(path, await enter())
    expect(status).toBe(404)
    expect(body).not.toContain('secret')
  })

  it('carry a policy that forbids foreign and inline scripts', async () => {
    const { headers } = await get('/', await enter())
    expect(headers['content-security-policy']).toMatch(/^default-src 'self';/)
    expect(headers['content-security-policy']).not.toMatch(/script-src|unsafe-eval/)
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['cache-control']).toBe('no-store')
  })

  it('with a hash in their name are cached', async () => {
    const { headers } = await get('/assets/main-abc.js', await enter())
    expect(headers['cache-control']).toContain('immutable')
    expect(headers['content-type']).toContain('javascript')
  })
})

describe('WebSocket', () => {
  it('opens for our own page', async () => {
    await expect(upgrade({ ...(await enter()), origin: own() })).resolves.toBe('open')
    expect(connections).toHaveLength(1)
  })

  it('is refused to foreign pages, without cookie, without Origin, and elsewhere', async () => {
    const { cookie } = await enter()
    await expect(upgrade({ cookie, origin: 'http://evil.example' })).resolves.toBe(403)
    await expect(upgrade({ origin: own() })).resolves.toBe(403)
    await expect(upgrade({ cookie })).resolves.toBe(403)
    await expect(upgrade({ cookie, origin: own(), host: 'evil.example' })).resolves.toBe(421)
    await expect(upgrade({ cookie, origin: own() }, '/other')).resolves.toBe(404)
    await expect(upgrade({ origin: own() }, `/rpc${new URL(server.url).search}`)).resolves.toBe(403)
    expect(connections).toHaveLength(0)
  })

  it('survives a connection that is cut in mid-upgrade', async () => {
    const socket = connect(server.port, '127.0.0.1')
    socket.write('GET /rpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.destroy()
    expect((await get('/', await enter())).status).toBe(200)
  })
})

describe('server', () => {
  it('says that a port is taken', async () => {
    const routes = { fetch: () => new Response('') }
    const again = startWebServer({ port: server.port, routes, onConnection: () => {} })
    await expect(again).rejects.toMatchObject({ code: 'io' })
  })

  it('closes with connections open', async () => {
    await upgrade({ ...(await enter()), origin: own() })
    const routes = { fetch: () => new Response('') }
    const other = await startWebServer({ port: 0, routes, onConnection: () => {} })
    await other.close()
    expect(connections).toHaveLength(1)
  })
})
