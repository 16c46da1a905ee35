/** The page's end of the MessagePort that the Electron preload passes on. */
import { createCloseSignal } from '../../electron/rpc/wire.ts'
import type { ClosableWire } from './socket-wire.ts'

/** Takes over the port. Its `close` event tells when the other side went away. */
export function createPortWire(port: MessagePort): ClosableWire {
  const ending = createCloseSignal()
  port.addEventListener('close', ending.close)
  return {
    send(message) {
      if (!ending.closed) port.postMessage(message)
    },
    onMessage(listener) {
      port.addEventListener('message', (event) => listener(event.data))
      // Messages queue in the port until it is started.
      port.start()
    },
    onClose: ending.onClose,
    close() {
      port.close()
      ending.close()
    },
  }
}
