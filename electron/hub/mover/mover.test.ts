/** A mover against servers that write their answers byte by byte as the test wants them. */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { noise, THREADS, tempFolder } from '../testing/world.ts'
import type { RangeAddress } from './messages.ts'
import { type Mover, startMover } from './mover.ts'

const CONTENT = noise(100_000, 1)
const CHUNK = 4096

type Answer = (socket: Socket, begin: number, end: number, request: string) => void

let folder: ReturnType<typeof tempFolder>
let server: Server | undefined
let mover: Mover
let close: () => Promise<void>
let path: string
let connections: number

beforeEach(() => {
  folder = tempFolder()
  path = join(folder.path, 'data')
  connections = 0
})
afterEach(async () => {
  await mover.close()
  await close()
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
  server = undefined
  folder.remove()
})

async function start(): Promise<void> {
  const file = await open(path, 'w+')
  close = () => file.close()
  mover = moverOf(file)
}

function moverOf({ fd }: FileHandle): Mover {
  return startMover(THREADS, { work: 'move', fd, bytes: CONTENT.length, chunkBytes: CHUNK, pieceBytes: 1500 })
}

async function serve(answer: Answer): Promise<RangeAddress> {
  const listening = createServer((socket) => {
    connections++
    socket.on('error', () => {})
    socket.on('data', (data) => {
      const [, first, last] = /range: bytes=(\d+)-(\d+)/.exec(data.toString()) ?? []
      answer(socket, Number(first), Number(last) + 1, data.toString())
    })
  })
  server = listening
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  // A listening TCP server's address is always of this kind.
  const { port } = listening.address() as AddressInfo
  return { host: '127.0.0.1', port, secure: false, path: '/a?b', headers: { host: 'x' }, stallMs: 1000 }
}

function head(begin: number, end: number, more = ''): string {
  const range = `Content-Range: bytes ${begin}-${end - 1}/${CONTENT.length}`
  return `HTTP/1.1 206 Partial Content\r\nContent-Length: ${end - begin}\r\n${range}\r\n${more}\r\n`
}

const good: Answer = (socket, begin, end) => {
  socket.write(head(begin, end))
  socket.write(CONTENT.subarray(begin, end))
}

function fetch(address: RangeAddress, begin: number, end: number, signal = new AbortController().signal) {
  const moved: number[] = []
  return mover
    .fetch(address, begin, end, { signal, onMoved: (at) => moved.push(at) })
    .then((outcome) => ({ outcome, moved }))
}

describe('a mover', () => {
  it('stores ranges in any order over one connection, and tells each chunk', async () => {
    await start()
    const asked: string[] = []
    const address = await serve((socket, begin, end, request) => {
      asked.push(request)
      good(socket, begin, end, request)
    })
    const middle = 10 * CHUNK
    const late = await fetch(address, middle, CONTENT.length)
    expect(late.outcome).toEqual({ kind: 'whole' })
    // Several chunks that came together are told together.
    expect(late.moved.at(-1)).toBe(CONTENT.length)
    expect((await fetch(address, 0, middle)).outcome).toEqual({ kind: 'whole' })
    expect(connections).toBe(1)
    expect(asked[1]).toBe(
      `GET /a?b HTTP/1.1\r\nhost: x\r\nrange: bytes=0-${middle - 1}\r\nconnection: keep-alive\r\n\r\n`,
    )
    expect((await readFile(path)).equals(CONTENT)).toBe(true)
  })

  it('writes nothing of another answer, and says which it was', async () => {
    await start()
    const address = await serve((socket) => {
      socket.write('HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbody')
    })
    const { outcome, moved } = await fetch(address, 0, CHUNK)
    expect(outcome).toEqual({ kind: 'answer', status: 429, retryAfter: '7' })
    expect(moved).toEqual([])
    expect(await readFile(path)).toHaveLength(0)
  })

  it.each<[string, object, Answer]>([
    ['something else than HTTP', { kind: 'unsuited' }, (socket) => socket.write('220 hello\r\n\r\n')],
    ['silence', { kind: 'failure', code: 'ESTALLED' }, () => {}],
    ['a head without an end', { kind: 'broken' }, (socket) => socket.end('HTTP/1.1 206 OK\r\n')],
    ['a reset', { kind: 'failure', code: 'ECONNRESET' }, (socket) => socket.resetAndDestroy()],
    [
      'more than was announced',
      { kind: 'broken', why: expect.stringContaining('more bytes') },
      (socket, begin, end) => socket.write(Buffer.concat([Buffer.from(head(begin, end)), CONTENT])),
    ],
  ])('tells %s', async (_, expected, answer) => {
    await start()
    expect((await fetch(await serve(answer), 0, 4 * CHUNK)).outcome).toMatchObject(expected)
  })

  it('takes a new connection where the server closes', async () => {
    await start()
    const address = await serve((socket, begin, end) => {
      socket.end(Buffer.concat([Buffer.from(head(begin, end, 'Connection: close\r\n')), CONTENT.subarray(begin, end)]))
    })
    expect((await fetch(address, 0, CHUNK)).outcome).toEqual({ kind: 'whole' })
    expect((await fetch(address, CHUNK, 2 * CHUNK)).outcome).toEqual({ kind: 'whole' })
    expect(connections).toBe(2)
  })

  it('stops in the middle, and at once', async () => {
    await start()
    const stop = new AbortController()
    const address = await serve((socket, begin, end) => {
      socket.write(head(begin, end))
      socket.write(CONTENT.subarray(begin, end - 1))
    })
    const { signal } = stop
    const ended = mover.fetch(address, 0, CONTENT.length, { signal, onMoved: () => stop.abort() })
    expect(await ended).toEqual({ kind: 'stopped' })
    expect((await fetch(address, 0, CHUNK, signal)).outcome).toEqual({ kind: 'stopped' })
  })

  it('never sends a header with a line break', async () => {
    await start()
    const address = { ...(await serve(good)), headers: { authorization: 'a\r\nb: c' } }
    expect((await fetch(address, 0, CHUNK)).outcome).toMatchObject({
      kind: 'failure',
      message: expect.stringContaining('header'),
    })
  })

  it('stops when it is closed, for good', async () => {
    await start()
    const fetching = fetch(await serve(() => {}), 0, CHUNK)
    await mover.close()
    expect((await fetching).outcome).toEqual({ kind: 'stopped' })
    await expect(fetch(await serve(good), 0, CHUNK)).rejects.toMatchObject({ code: 'internal' })
  })

  it('tells a failure to write', async () => {
    await start()
    await mover.close()
    const readOnly = await open(path, 'r')
    mover = moverOf(readOnly)
    const { outcome } = await fetch(await serve(good), 0, CHUNK)
    expect(outcome).toMatchObject({ kind: 'failure', code: 'EBADF', syscall: 'write' })
    await mover.close()
    await readOnly.close()
  })
})
