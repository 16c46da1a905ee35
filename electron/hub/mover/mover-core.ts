/** What a mover thread does: ranges from connections to the disk. It waits for the disk each time, which is quicker than to be told. */
import { writeSync } from 'node:fs'
import type { MoverData, MoverReply, MoverRequest, RangeAddress } from './messages.ts'
import { openConnection, type RangeConnection, type RangeSink } from './range-connection.ts'

/** Progress is told this often. */
const TELL_MS = 100

/** Takes requests and answers through `reply`. */
export function createMoverCore(
  data: MoverData,
  reply: (message: MoverReply) => void,
): { take(request: MoverRequest): void; close(): void } {
  const { fd, bytes, chunkBytes, pieceBytes } = data
  const open = new Set<RangeConnection>()
  const busy = new Map<number, RangeConnection>()

  function connect(address: RangeAddress): RangeConnection {
    const connection = openConnection(address, pieceBytes, () => open.delete(connection))
    open.add(connection)
    return connection
  }

  function sinkOf(range: number, begin: number, end: number): RangeSink {
    let boundary = Math.min(end, begin + chunkBytes)
    let toldAt = performance.now()
    return {
      take(piece, at) {
        writeAll(fd, piece, at)
        const written = at + piece.length
        if (written < boundary && performance.now() - toldAt < TELL_MS) return
        toldAt = performance.now()
        while (boundary <= written && boundary < end) boundary = Math.min(end, boundary + chunkBytes)
        reply({ kind: 'moved', range, at: written })
      },
      ended(outcome) {
        busy.delete(range)
        reply({ kind: 'ended', range, outcome })
      },
    }
  }

  return {
    take(request) {
      const { range } = request
      if (request.kind === 'stop') return busy.get(range)?.stop()
      const { address, begin, end } = request
      const connection = [...open].find((one) => one.serves(address)) ?? connect(address)
      busy.set(range, connection)
      connection.request(address, { begin, end, total: bytes }, sinkOf(range, begin, end))
    },
    close() {
      for (const connection of [...open]) connection.stop()
    },
  }
}

/** Throws what writing throws; a disk that takes only a part refuses the rest. */
function writeAll(fd: number, piece: Buffer, at: number): void {
  for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done, piece.length - done, at + done)
}
