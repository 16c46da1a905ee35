import { EventEmitter } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AppContract, appContract } from '../contract/app.ts'
import { APP_VERSION } from '../contract/version.ts'
import type { Layout } from '../platform/layout.ts'
import { type Client, createClient } from '../rpc/client.ts'
import { APP_ORIGIN } from '../window/security.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { runElectronHost } from './electron-host.ts'
import { createFakeElectron, type FakeElectron } from './testing/fake-electron.ts'

let folder: string
let layout: Layout
const started: FakeElectron[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hqq-electron-'))
  const renderer = join(folder, 'renderer')
  await mkdir(renderer)
  await writeFile(join(renderer, 'index.html'), '<title>app</title>')
  layout = {
    worker: join(folder, 'worker.js'),
    tokenizer: join(folder, 'tokenizer.js'),
    mover: join(folder, 'mover.js'),
    preload: join(folder, 'preload.cjs'),
    renderer,
    addon: join(folder, 'hqq_engine.node'),
    resources: resolve(import.meta.dirname, '../../resources'),
  }
})
afterEach(async () => {
  for (const { app, log } of started.splice(0)) {
    // Runs the app's own clean-up, where there is one.
    const quit = app as EventEmitter & { quit(): void }
    quit.quit()
    await expect.poll(() => log.at(-1)).toBe('quit')
  }
  await rm(folder, { recursive: true })
})

async function start(options: { firstInstance?: boolean; dataDir?: string } = {}): Promise<FakeElectron> {
  const electron = createFakeElectron(options)
  await runElectronHost({
    electron: electron.module,
    layout,
    dataDir: options.dataDir ?? join(folder, 'data'),
  })
  if (electron.windows.length > 0) started.push(electron)
  return electron
}

/** Asks for a port as the preload does; returns a client and whether main closed the port at once. */
function connect(electron: FakeElectron, frame: object | null): { client: Client<AppContract>; closed: () => boolean } {
  const { port1, port2 } = new MessageChannel()
  let closed = false
  const port = Object.assign(new EventEmitter(), {
    postMessage: (message: unknown) => port2.postMessage(message),
    start: () => port2.start(),
    close: () => {
      closed = true
      port2.close()
    },
  })
  port2.on('message', (data) => port.emit('message', { data }))
  electron.ipcMain.emit('hqq-studio:port', { senderFrame: frame, ports: [port] })
  const wire = {
    send: (message: unknown) => port1.postMessage(message),
    onMessage: (listener: (message: unknown) => void) => void port1.on('message', listener),
    onClose: () => {},
  }
  return { client: createClient(appContract, wire), closed: () => closed }
}

describe('Electron host', () => {
  it('sets up scheme, sandbox and session before it shows our page', async () => {
    const { log, windows } = await start()
    expect(log.indexOf('schemes')).toBeLessThan(log.indexOf('ready'))
    expect(log.indexOf('enableSandbox')).toBeLessThan(log.indexOf('ready'))
    expect(log).toContain('permission requests')
    expect(log).toContain(`setPath userData ${join(folder, 'data', 'window')}`)
    expect(windows.map((window) => window.url)).toEqual([`${APP_ORIGIN}/`])
    expect(windows[0]?.options.webPreferences).toMatchObject({ sandbox: true, preload: layout.preload })
  })

  it('serves the window over its own scheme, with the policy, and no other host name', async () => {
    const electron = await start()
    const page = await electron.fetch(`${APP_ORIGIN}/`)
    expect(await page.text()).toBe('<title>app</title>')
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'self'/)
    expect((await electron.fetch('app://elsewhere/')).status).toBe(404)
    expect((await electron.fetch(`${APP_ORIGIN}/..%2fworker.js`)).status).toBe(404)
  })

  it('answers the top frame of our page on its port', async () => {
    const electron = await start()
    const { client } = connect(electron, { parent: null, url: `${APP_ORIGIN}/` })
    await expect(client.call('app.hello', { appVersion: APP_VERSION })).resolves.toMatchObject({
      host: 'electron',
      hasDialogs: true,
    })
  })

  it.each([
    ['a foreign page', { parent: null, url: 'https://evil.example/' }],
    ['an embedded frame', { parent: {}, url: `${APP_ORIGIN}/` }],
    ['a frame that is gone', null],
  ])('closes the port of %s', async (_who, frame) => {
    const electron = await start()
    expect(connect(electron, frame).closed()).toBe(true)
  })

  it('gives way to an app that runs already, which comes to the front', async () => {
    const second = await start({ firstInstance: false })
    expect(second.log.at(-1)).toBe('quit')
    expect(second.windows).toHaveLength(0)
    const first = await start()
    first.app.emit('second-instance')
    expect(first.windows[0]?.focused).toBe(1)
  })

  it('does not start on a data folder that a browser host uses', async () => {
    const dataDir = join(folder, 'shared')
    const lock = await lockDataDir(dataDir)
    const { log, windows } = await start({ dataDir })
    expect(log.some((line) => line.startsWith('error box') && line.includes('already runs'))).toBe(true)
    expect(log.at(-1)).toBe('exit')
    expect(windows).toHaveLength(0)
    await lock.release()
  })

  it('says why it cannot start', async () => {
    await writeFile(join(folder, 'file'), '')
    const { log } = await start({ dataDir: join(folder, 'file', 'data') })
    expect(log.some((line) => line.startsWith('error box') && line.includes('--data-dir'))).toBe(true)
    expect(log.at(-1)).toBe('exit')
  })

  it('closes everything before it quits', async () => {
    const electron = await start()
    const app = electron.app as EventEmitter & { quit(): void }
    app.quit()
    expect(electron.log.at(-1)).toBe('quit held')
    await expect.poll(() => electron.log.at(-1)).toBe('quit')
  })
})
