import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type AppContract, appContract } from '../contract/app.ts'
import { APP_VERSION } from '../contract/version.ts'
import type { Layout } from '../platform/layout.ts'
import { type Client, createClient } from '../rpc/client.ts'
import { startWebHost, type WebHost } from './web-host.ts'

let folder: string
let layout: Layout
const hosts: WebHost[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hqq-web-'))
  const renderer = join(folder, 'renderer')
  await mkdir(renderer)
  await writeFile(join(renderer, 'index.html'), '<title>app</title>')
  layout = {
    worker: resolve(import.meta.dirname, '../engine/testing/echo-worker.ts'),
    tokenizer: resolve(import.meta.dirname, '../tokenizer/worker.ts'),
    mover: resolve(import.meta.dirname, '../hub/mover/worker.ts'),
    preload: '',
    renderer,
    addon: 'an addon',
    resources: resolve(import.meta.dirname, '../../resources'),
  }
})
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close()
  await rm(folder, { recursive: true })
})

async function start(port: number | undefined = 0, name = 'data'): Promise<{ host: WebHost; printed: string[] }> {
  const printed: string[] = []
  const options = { dataDir: join(folder, name), port, open: false }
  const host = await startWebHost(options, layout, (line) => printed.push(line))
  hosts.push(host)
  return { host, printed }
}

/** A page: exchanges the token for the cookie and opens the socket with it. */
async function openPage(url: string): Promise<{ client: Client<AppContract>; close(): void }> {
  const { origin, host } = new URL(url)
  const entered = await fetch(url, { redirect: 'manual' })
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? ''
  const socket = new WebSocket(`ws://${host}/rpc`, { headers: { cookie, origin } })
  await new Promise((done, fail) => socket.on('open', done).on('error', fail))
  const client = createClient(appContract, {
    send: (message) => socket.send(JSON.stringify(message)),
    onMessage: (listener) => void socket.on('message', (data) => listener(JSON.parse(String(data)))),
    onClose: (listener) => void socket.on('close', listener),
  })
  return { client, close: () => socket.close() }
}

describe('browser host', () => {
  it('refuses a data folder that another host uses, and takes it when that one has ended', async () => {
    const { host } = await start()
    await expect(start()).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringMatching(new RegExp(`process ${process.pid}.*--data-dir`)),
    })
    await host.close()
    hosts.splice(0)
    await start()
  })

  it('prints its address, answers pages, and keeps one state for all of them', async () => {
    const { host, printed } = await start()
    expect(printed[0]).toContain(host.url)
    const [first, second] = [await openPage(host.url), await openPage(host.url)]
    await expect(first.client.call('app.hello', { appVersion: APP_VERSION })).resolves.toMatchObject({ host: 'web' })
    await first.client.call('settings.set', { theme: 'dark' })
    await expect(second.client.call('settings.get', {})).resolves.toMatchObject({ theme: 'dark' })
    first.close()
    second.close()
  })

  it('refuses a page of another version', async () => {
    const { host } = await start()
    const { client } = await openPage(host.url)
    await expect(client.call('app.hello', { appVersion: '0.0.0' })).rejects.toMatchObject({ code: 'version-mismatch' })
  })

  it('runs the engine as a process of its own and logs what it says', async () => {
    const { host } = await start()
    const { client } = await openPage(host.url)
    await client.call('models.inspect', { id: 'demo' })
    await host.close()
    hosts.pop()
    const log = await readFile(join(folder, 'data', 'logs', 'hqq-studio.log'), 'utf8')
    expect(log).toContain('started with an addon')
    expect(log).toMatch(/engine process ended: .*asked for/)
  })

  it('takes another port when the usual one is taken, but not when one was asked for', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await new Promise((done) => blocker.once('listening', done))
    const address = blocker.address()
    const taken = typeof address === 'object' && address ? address.port : 0
    await expect(start(taken)).rejects.toMatchObject({ code: 'io' })
    const usual = await start(undefined)
    const other = await start(undefined, 'other')
    expect(new URL(usual.host.url).port).not.toBe(new URL(other.host.url).port)
    await new Promise((done) => blocker.close(done))
  })
})
