/** What a mover thread does: ranges from connections to the disk, and the hash beside it. Everything here waits for the disk at once. */
import { writeSync } from 'node:fs'
import type { MoverData, MoverReply, MoverRequest } from './messages.ts'
import { createOrderedHash } from './ordered-hash.ts'
import { openConnection, type RangeConnection, type RangeSink } from './range-connection.ts'

/** Progress is told this often. */
const TELL_MS = 100

/** Answers requests through `reply`. What it throws in a later turn is a failure of the disk. */
export function createMoverCore(
  data: MoverData,
  reply: (message: MoverReply) => void,
): (request: MoverRequest) => void {
  const { fd, bytes, chunkBytes, pieceBytes } = data
  const hash = createOrderedHash(data)
  const open = new Set<RangeConnection>()
  const busy = new Map<number, RangeConnection>()
  let catching = false
  let finishing = false

  for (const chunk of data.stored) hash.stored(chunk)
  catchUp()

  /** A chunk in each turn of the loop, so that the connections are served meanwhile. */
  function catchUp(): void {
    if (catching) return
    catching = true
    setImmediate(() => {
      catching = false
      if (hash.catchUp()) catchUp()
      else if (finishing) reply({ kind: 'finished', matches: hash.matches() })
    })
  }

  function fetch(range: number, address: Parameters<RangeConnection['request']>[0], begin: number, end: number): void {
    const connection = [...open].find((one) => one.serves(address)) ?? connect(address)
    busy.set(range, connection)
    connection.request(address, { begin, end, total: bytes }, sinkOf(range, begin, end))
  }

  function connect(address: Parameters<RangeConnection['request']>[0]): RangeConnection {
    const connection = openConnection(address, pieceBytes, () => open.delete(connection))
    open.add(connection)
    return connection
  }

  function sinkOf(range: number, begin: number, end: number): RangeSink {
    let written = begin
    let chunk = begin / chunkBytes
    let toldAt = performance.now()
    return {
      take(piece, at) {
        writeAll(fd, piece, at)
        hash.wrote(piece, at)
        written = at + piece.length
        const before = chunk
        for (; Math.min(end, (chunk + 1) * chunkBytes) <= written && chunk * chunkBytes < end; chunk++) {
          hash.stored(chunk)
        }
        if (chunk > before) catchUp()
        if (chunk === before && performance.now() - toldAt < TELL_MS) return
        toldAt = performance.now()
        reply({ kind: 'moved', range, at: written })
      },
      ended(outcome) {
        busy.delete(range)
        if (written < end) hash.lost(chunk)
        reply({ kind: 'ended', range, outcome })
      },
    }
  }

  return (request) => {
    switch (request.kind) {
      case 'fetch':
        return fetch(request.range, request.address, request.begin, request.end)
      case 'stop':
        return busy.get(request.range)?.stop()
      case 'stored':
        hash.stored(request.chunk)
        return catchUp()
      case 'finish':
        finishing = true
        return catchUp()
    }
  }
}

/** Throws what writing throws; a disk that takes only a part refuses the rest. */
function writeAll(fd: number, piece: Buffer, at: number): void {
  for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done, piece.length - done, at + done)
}
