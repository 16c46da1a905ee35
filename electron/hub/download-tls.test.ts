/**
 * Downloads over https from a Hub whose certificate is signed by an authority that only NODE_EXTRA_CA_CERTS names. It is read when a
 * process starts, so each download runs in one of its own.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type FakeHub, startFakeHub } from './testing/fake-hub.ts'
import { noise, tempFolder } from './testing/world.ts'

const NAME = 'acme/secure'
const FILES = { 'config.json': noise(700, 1), 'model.safetensors': noise(90_001, 2) }
const SCRIPT = fileURLToPath(new URL('./testing/download-process.ts', import.meta.url))
/** Made for this test; it is its own authority. */
const CERTIFICATE = fileURLToPath(new URL('./testing/data/localhost.pem', import.meta.url))
const KEY = fileURLToPath(new URL('./testing/data/localhost-key.pem', import.meta.url))

let hub: FakeHub
let folder: ReturnType<typeof tempFolder>
beforeEach(async () => {
  hub = await startFakeHub({ certificate: { key: readFileSync(KEY), cert: readFileSync(CERTIFICATE) } })
  hub.add(NAME, FILES)
  folder = tempFolder()
})
afterEach(async () => {
  await hub.close()
  folder.remove()
})

async function download(env: Record<string, string>): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, ['--no-warnings', SCRIPT, hub.endpoint, folder.path, NAME], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, https_proxy: '', ...env },
  })
  let stderr = ''
  child.stderr.on('data', (part) => {
    stderr += part
  })
  const [code] = await once(child, 'close')
  return { code, stderr }
}

function expectWhole(): void {
  const snapshots = join(folder.path, 'models--acme--secure', 'snapshots')
  const [commit = ''] = readdirSync(snapshots)
  for (const [path, content] of Object.entries(FILES)) {
    expect(readFileSync(join(snapshots, commit, path)).equals(content), path).toBe(true)
  }
}

/** A mover's file is first asked for one byte, which finds where it lies. */
const movers = () => hub.seen.filter(({ host, range }) => host === 'storage' && range === 'bytes=0-0').length

it('the authority is trusted on both ways, the mover and the general one', async () => {
  expect(await download({ NODE_EXTRA_CA_CERTS: CERTIFICATE })).toEqual({ code: 0, stderr: '' })
  expectWhole()
  expect(movers()).toBe(1)
  // No part had to be asked for again, which is how the general way would take over.
  const parts = hub.seen.filter(({ host }) => host === 'storage').map(({ range }) => range)
  expect(new Set(parts).size).toBe(parts.length)
})

it('an unknown authority is refused before anything is asked', async () => {
  const { code, stderr } = await download({})
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/self-signed certificate/)
  expect(hub.seen).toEqual([])
  expect(existsSync(join(folder.path, 'models--acme--secure'))).toBe(false)
})

it('a proxy carries it through CONNECT, without seeing what is in it', async () => {
  const tunnels: string[] = []
  const credentials: unknown[] = []
  const proxy = createServer((_, response) => response.writeHead(400).end())
  proxy.on('connect', (request, socket, head) => {
    tunnels.push(request.url ?? '')
    credentials.push(request.headers['proxy-authorization'])
    const onward = connect(Number(new URL(`https://${request.url}`).port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.write(head)
      socket.pipe(onward).pipe(socket)
    })
    // The client ends its connections as it ends itself.
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  // A listening TCP server's address is always of this kind.
  const { port } = proxy.address() as AddressInfo
  const https_proxy = `http://me:secret@127.0.0.1:${port}`
  expect(await download({ NODE_EXTRA_CA_CERTS: CERTIFICATE, https_proxy })).toEqual({ code: 0, stderr: '' })
  expectWhole()
  // Two hosts were reached, and never directly.
  expect(new Set(tunnels)).toEqual(new Set([hub.endpoint, hub.storage].map((url) => new URL(url).host)))
  expect(new Set(credentials)).toEqual(new Set([`Basic ${Buffer.from('me:secret').toString('base64')}`]))
  expect(movers()).toBe(0)
  proxy.closeAllConnections()
  await new Promise((resolve) => proxy.close(resolve))
})
