/** Who may talk to the loopback server. Raw requests, as a hostile page or program could send them. */
import { request as httpRequest } from 'node:http'
import WebSocket from 'ws'
import { expect, test } from '../fixtures.ts'

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

/** Node's own client: it lets a test choose Host, Origin and an unnormalised path. */
function ask(url: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, headers }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    request.on('error', reject)
    request.end()
  })
}

/** The status with which the upgrade was refused, or 101. */
function upgrade(url: string, headers: Record<string, string>): Promise<number> {
  const { port } = new URL(url)
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/rpc`, { headers })
    socket.on('open', () => {
      socket.close()
      resolve(101)
    })
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    socket.on('error', () => undefined)
  })
}

test.describe('the loopback server @web', () => {
  test('gives nothing without the token, and a cookie that scripts cannot read with it', async ({ app }) => {
    const url = app.url ?? ''
    const { origin, search } = new URL(url)
    expect((await ask(url, '/')).status).toBe(403)
    expect((await ask(url, '/?token=wrong')).status).toBe(403)
    const entered = await ask(url, `/${search}`)
    expect(entered.status).toBe(302)
    const cookie = String(entered.headers['set-cookie'])
    expect(cookie).toContain('HttpOnly')
    expect(cookie).toContain('SameSite=Strict')
    const own = { cookie: cookie.split(';')[0] ?? '' }
    expect((await ask(url, '/', own)).status).toBe(200)
    expect((await ask(url, '/', { ...own, origin })).status).toBe(200)
    expect(await app.page.evaluate(() => document.cookie)).toBe('')
    expect(app.page.url()).not.toContain('token')
  })

  test('refuses a foreign Host and a foreign Origin, even with the cookie', async ({ app }) => {
    const url = app.url ?? ''
    const { origin, host, search } = new URL(url)
    const cookie = String((await ask(url, `/${search}`)).headers['set-cookie']).split(';')[0] ?? ''
    expect((await ask(url, '/', { cookie, host: 'evil.example' })).status).toBe(421)
    expect((await ask(url, `/${search}`, { host: `evil.example:${new URL(url).port}` })).status).toBe(421)
    expect((await ask(url, '/', { cookie, origin: 'https://evil.example' })).status).toBe(403)
    expect((await ask(url, '/', { cookie, origin: 'null' })).status).toBe(403)
    expect(await upgrade(url, { origin, cookie, host })).toBe(101)
    expect(await upgrade(url, { origin })).toBe(403)
    expect(await upgrade(url, { origin: 'https://evil.example', cookie })).toBe(403)
    expect(await upgrade(url, { cookie })).toBe(403)
    expect(await upgrade(url, { origin, cookie, host: 'evil.example' })).toBe(421)
  })

  test('serves the files of the window and no others', async ({ app }) => {
    const url = app.url ?? ''
    const cookie = String((await ask(url, `/${new URL(url).search}`)).headers['set-cookie']).split(';')[0] ?? ''
    const escapes = [
      '/../package.json',
      '/..%2fpackage.json',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/assets/../../web.js',
      '/assets/..\\..\\web.js',
      '//etc/passwd',
      '/index.html%00.js',
      '/web.js',
    ]
    for (const path of escapes) {
      const answer = await ask(url, path, { cookie })
      expect([400, 404], path).toContain(answer.status)
    }
  })

  test('sends a policy that loads nothing from elsewhere', async ({ app }) => {
    const url = app.url ?? ''
    const cookie = String((await ask(url, `/${new URL(url).search}`)).headers['set-cookie']).split(';')[0] ?? ''
    const { headers } = await ask(url, '/', { cookie })
    expect(String(headers['content-security-policy'])).toContain("default-src 'self'")
    expect(headers['x-content-type-options']).toBe('nosniff')
    const loaded = await app.page.evaluate(() => performance.getEntriesByType('resource').map((entry) => entry.name))
    const { origin } = new URL(url)
    expect(loaded.filter((name) => !name.startsWith(origin))).toEqual([])
  })
})
