/**
 * The server end of a page's WebSocket: JSON text frames. A page that reads slowly (a throttled background tab) gets
 * only the newest of the messages that supersede each other.
 */
import type { WebSocket } from 'ws'
import { createCloseSignal, type Wire } from '../rpc/wire.ts'

export interface SocketLimits {
  /** With more than this in the socket's buffer, superseding messages are held back. */
  readonly heldAboveBytes: number
  /** With more than this the page is taken for dead. */
  readonly closedAboveBytes: number
}

const LIMITS: SocketLimits = { heldAboveBytes: 256 * 1024, closedAboveBytes: 64 * 1024 * 1024 }

type Socket = Pick<WebSocket, 'send' | 'on' | 'bufferedAmount' | 'readyState' | 'OPEN' | 'terminate'>

export function createSocketWire(socket: Socket, limits: SocketLimits = LIMITS): Wire {
  const ending = createCloseSignal()
  /** Newest text by key, oldest key first. */
  const held = new Map<string, string>()
  socket.on('close', ending.close)
  // 'close' follows; without a listener the error would end the process.
  socket.on('error', () => {})

  function write(text: string): void {
    if (socket.readyState === socket.OPEN) socket.send(text, drained)
  }

  function flush(): void {
    const texts = [...held.values()]
    held.clear()
    for (const text of texts) write(text)
  }

  function drained(): void {
    if (held.size > 0 && socket.bufferedAmount <= limits.heldAboveBytes) flush()
  }

  return {
    send(message, latestKey) {
      const text = JSON.stringify(message)
      if (ending.closed) return
      if (latestKey !== undefined && socket.bufferedAmount > limits.heldAboveBytes) {
        held.delete(latestKey)
        held.set(latestKey, text)
        return
      }
      // Held messages were sent earlier, so they go first: order is part of the promise of a wire.
      flush()
      write(text)
      if (socket.bufferedAmount > limits.closedAboveBytes) socket.terminate()
    },
    onMessage(listener) {
      socket.on('message', (data, isBinary) => {
        if (!isBinary) listener(parse(String(data)))
      })
    },
    onClose: ending.onClose,
  }
}

/** Undefined for what is not JSON; the RPC layer ignores it like any other malformed message. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
