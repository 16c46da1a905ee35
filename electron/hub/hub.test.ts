import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hubEnvironment } from './environment.ts'
import { proxyFor } from './proxy.ts'
import { createRateLimit } from './rate-limit.ts'
import { DEFAULT_RETRY, parseRetryAfter, waitBefore } from './retry.ts'
import { startFakeHub } from './testing/fake-hub.ts'
import { tempFolder, testClient } from './testing/world.ts'
import { createTokenStore } from './token-store.ts'

let folder: ReturnType<typeof tempFolder>
beforeEach(() => {
  folder = tempFolder()
})
afterEach(() => folder.remove())

describe('the environment', () => {
  it.each([
    [{}, '/home/me/.cache/huggingface/hub', '/home/me/.cache/huggingface/token'],
    [{ XDG_CACHE_HOME: '/xdg' }, '/xdg/huggingface/hub', '/xdg/huggingface/token'],
    [{ HF_HOME: '~/hf' }, '/home/me/hf/hub', '/home/me/hf/token'],
    [{ HF_HOME: '/hf', HF_HUB_CACHE: '/cache' }, '/cache', '/hf/token'],
    [{ HUGGINGFACE_HUB_CACHE: '/old', HF_TOKEN_PATH: '/t' }, '/old', '/t'],
  ])('%o has its cache and token where Python looks', (env, cacheDir, tokenFile) => {
    expect(hubEnvironment(env, '/home/me')).toMatchObject({ cacheDir, tokenFile, endpoint: 'https://huggingface.co' })
  })

  it('takes a mirror, offline mode and a token, and refuses what is no address', () => {
    const env = { HF_ENDPOINT: 'https://mirror.example/hf/', HF_HUB_OFFLINE: '1', HF_TOKEN: ' hf_abcdefgh\n' }
    expect(hubEnvironment(env, '/')).toMatchObject({
      endpoint: 'https://mirror.example/hf',
      offline: true,
      token: 'hf_abcdefgh',
    })
    for (const HF_ENDPOINT of ['ftp://x', 'huggingface.co', 'https://a:b@c']) {
      expect(() => hubEnvironment({ HF_ENDPOINT }, '/')).toThrow(/HF_ENDPOINT/)
    }
  })
})

describe('proxies', () => {
  it.each([
    ['https://huggingface.co/x', { HTTPS_PROXY: 'http://p:3128' }, 'http://p:3128/'],
    ['http://hub.local/x', { http_proxy: 'p:80', https_proxy: 'http://q' }, 'http://p/'],
    ['https://a.b/x', { all_proxy: 'http://p:1' }, 'http://p:1/'],
    ['https://hub.corp.example/x', { https_proxy: 'http://p', no_proxy: '.corp.example' }, null],
    ['https://hub.corp.example/x', { https_proxy: 'http://p', no_proxy: 'corp.example:8443' }, 'http://p/'],
    ['https://a.b/x', { https_proxy: 'http://p', NO_PROXY: '*' }, null],
    ['https://a.b/x', {}, null],
  ])('%s with %o goes through %s', (url, env, expected) => {
    expect(proxyFor(new URL(url), env)?.href ?? null).toBe(expected)
  })

  it('of another kind are refused', () => {
    expect(() => proxyFor(new URL('https://a.b'), { https_proxy: 'socks5://p' })).toThrow(/proxy/)
  })

  it("carry a request as it is meant, with their own credentials and not the page's", async () => {
    const hub = await startFakeHub({ accounts: { hf_secret1234: { name: 'me' } } })
    const asked: { url: string; proxy: string | undefined }[] = []
    const proxy = createServer((request, response) => {
      asked.push({ url: request.url ?? '', proxy: request.headers['proxy-authorization'] })
      void fetch(request.url ?? '', { headers: { authorization: request.headers.authorization ?? '' } }).then(
        async (answer) => {
          response.writeHead(answer.status, { 'content-type': 'application/json' })
          response.end(await answer.text())
        },
      )
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as AddressInfo
    const client = testClient(hub.endpoint, {
      token: 'hf_secret1234',
      env: { http_proxy: `http://user:pass@127.0.0.1:${port}` },
    })
    const { value } = await client.json(`${hub.endpoint}/api/whoami-v2`)
    expect(value).toMatchObject({ name: 'me' })
    expect(asked).toEqual([{ url: `${hub.endpoint}/api/whoami-v2`, proxy: `Basic ${btoa('user:pass')}` }])
    proxy.closeAllConnections()
    proxy.close()
    await hub.close()
  })
})

describe('the token', () => {
  const environment = () => ({ token: null, tokenFile: join(folder.path, 'hf', 'token') })
  const path = () => join(folder.path, 'data', 'hub-token')

  it('is kept in a file that only its owner may read, where there is no keyring', async () => {
    const store = createTokenStore({ environment: environment(), path: path(), secrets: null })
    await store.set(' hf_abcdefgh1234\n')
    expect(await store.get()).toEqual({ token: 'hf_abcdefgh1234', source: 'app' })
    expect(statSync(path()).mode & 0o777).toBe(0o600)
    await store.remove()
    expect(await store.get()).toBeNull()
  })

  it('is kept encrypted where there is one, and nowhere in the clear', async () => {
    const secrets = {
      available: () => true,
      encrypt: (text: string) => Buffer.from(text).map((byte) => byte ^ 0x55),
      decrypt: (data: Uint8Array) => Buffer.from(data.map((byte) => byte ^ 0x55)).toString(),
    }
    const plain = createTokenStore({ environment: environment(), path: path(), secrets: null })
    await plain.set('hf_before12345')
    const store = createTokenStore({ environment: environment(), path: path(), secrets })
    await store.set('hf_abcdefgh1234')
    expect(readFileSync(`${path()}.sealed`, 'utf8')).not.toContain('abcdefgh')
    expect(() => statSync(path())).toThrow()
    expect(await store.get()).toEqual({ token: 'hf_abcdefgh1234', source: 'app' })
  })

  it('comes from the environment first and from the Python library last', async () => {
    mkdirSync(dirname(environment().tokenFile))
    writeFileSync(environment().tokenFile, 'hf_frompython\n')
    const store = createTokenStore({ environment: environment(), path: path(), secrets: null })
    expect(await store.get()).toEqual({ token: 'hf_frompython', source: 'hugging-face-file' })
    await store.set('hf_fromhere12')
    expect(await store.get()).toMatchObject({ source: 'app' })
    const forced = createTokenStore({ environment: { ...environment(), token: 'hf_env' }, path: path(), secrets: null })
    expect(await forced.get()).toEqual({ token: 'hf_env', source: 'environment' })
  })

  it('is refused when it cannot be one, without repeating it', async () => {
    const store = createTokenStore({ environment: environment(), path: path(), secrets: null })
    await expect(store.set('my secret password')).rejects.toThrow(/begins with hf_/)
    await expect(store.set('hf_with space in it')).rejects.not.toThrow(/with space/)
  })
})

describe('patience', () => {
  it('grows, has a limit, and follows what the server asks', () => {
    const policy = { ...DEFAULT_RETRY, firstMs: 100, longestMs: 1000, random: () => 1 }
    expect([1, 2, 3, 4, 5, 9].map((failures) => waitBefore(failures, null, policy))).toEqual([
      100, 200, 400, 800, 1000, 1000,
    ])
    expect(waitBefore(1, 5000, policy)).toBe(5000)
    expect(waitBefore(1, 3_600_000, policy)).toBeNull()
  })

  it.each([
    ['7', 7000],
    ['Thu, 01 Jan 1970 00:00:30 GMT', 20_000],
    ['soon', null],
    [null, null],
  ])('reads Retry-After %j', (text, ms) => {
    expect(parseRetryAfter(text, 10_000)).toBe(ms)
  })

  it('ends with one error that says what the server wished', async () => {
    const hub = await startFakeHub({
      fault: () => ({ kind: 'status', status: 429, headers: { 'retry-after': '7200' } }),
    })
    await expect(testClient(hub.endpoint).json('/api/models')).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('7200 s'),
    })
    expect(hub.seen).toHaveLength(1)
    await hub.close()
  })
})

it('a limit of the bandwidth is kept over all who take', async () => {
  let now = 0
  const waits: number[] = []
  const limit = createRateLimit(
    () => 1000,
    () => now,
  )
  const take = async () => {
    const before = now
    await Promise.race([limit.take(500, undefined), new Promise<void>((resolve) => setTimeout(resolve, 1))])
    waits.push(now - before)
    now += 100
  }
  await take()
  await take()
  // The first 250 ms are a burst; what is taken beyond has to be paid for.
  let waited = false
  const later = limit.take(1, undefined).then(() => {
    waited = true
  })
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(waited).toBe(false)
  await later
})

it('10,000 search results come page by page', async () => {
  const hub = await startFakeHub()
  for (let index = 0; index < 10_000; index++) hub.add(`many/m${index}`, {}, { info: { downloads: index } })
  const client = testClient(hub.endpoint)
  let url: string | null = '/api/models?search=m&limit=100'
  const names = new Set<string>()
  for (let pages = 0; url !== null; pages++) {
    const { value, answer } = await client.json(url)
    for (const model of value as { id: string }[]) names.add(model.id)
    url = /<([^>]+)>; rel="next"/.exec(answer.header('link') ?? '')?.[1] ?? null
    expect(pages).toBeLessThan(101)
  }
  expect(names.size).toBe(10_000)
  await hub.close()
})
