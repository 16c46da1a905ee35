/** The browser's end of the WebSocket wire: one JSON text a message. */
import { createCloseSignal, type Wire } from '../../electron/rpc/wire.ts'

export interface ClosableWire extends Wire {
  close(): void
}

/** Resolves when the socket is open; rejects when it cannot be opened. */
export function openSocketWire(url: string, signal: AbortSignal): Promise<ClosableWire> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    const ending = createCloseSignal()
    const waiting: unknown[] = []
    let listener: ((message: unknown) => void) | undefined

    signal.addEventListener('abort', () => socket.close(), { once: true })
    socket.addEventListener('close', () => {
      ending.close()
      reject(new Error('The socket closed before it was open.'))
    })
    socket.addEventListener('message', (event) => {
      if (typeof event.data !== 'string') return
      const message: unknown = JSON.parse(event.data)
      if (listener) listener(message)
      else waiting.push(message)
    })
    socket.addEventListener('open', () =>
      resolve({
        send(message) {
          const text = JSON.stringify(message)
          if (socket.readyState === WebSocket.OPEN) socket.send(text)
        },
        onMessage(added) {
          listener = added
          for (const message of waiting.splice(0)) added(message)
        },
        onClose: ending.onClose,
        close: () => socket.close(),
      }),
    )
  })
}
