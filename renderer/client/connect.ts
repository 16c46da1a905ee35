/** Takes the preload's port where there is one, else opens the WebSocket. The only place that knows the host. */
import { AppError } from '../../electron/contract/errors.ts'
import { APP_VERSION } from '../../electron/contract/version.ts'
import { type Connection, createConnection } from './connection.ts'
import { createPortWire } from './port-wire.ts'
import { type ClosableWire, openSocketWire } from './socket-wire.ts'

declare global {
  interface Window {
    /** Exposed by electron/preload.ts: asks the main process for a port, which then arrives as a window message. */
    readonly hqqStudio?: { requestPort(): void }
  }
}

/** Name of the window message that carries the port. */
const PORT_MESSAGE = 'hqq-studio:port'

/** Connects this page to its host. */
export function connect(): Connection {
  return createConnection({ openWire: window.hqqStudio ? openPort : openSocket, appVersion: APP_VERSION })
}

/** A refused upgrade looks like a dead server to a page, so a plain request tells the two apart. */
async function openSocket(signal: AbortSignal): Promise<ClosableWire> {
  const answer = await fetch('/', { method: 'HEAD', signal })
  if (answer.status === 403) {
    throw new AppError(
      'not-allowed',
      'The app was started again since. Open the address that it printed in its terminal.',
    )
  }
  const url = new URL('/rpc', window.location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.hash = ''
  return openSocketWire(url.href, signal)
}

function openPort(signal: AbortSignal): Promise<ClosableWire> {
  return new Promise((resolve) => {
    function onMessage(event: MessageEvent): void {
      const port = event.ports[0]
      if (event.source !== window || event.data !== PORT_MESSAGE || !port) return
      window.removeEventListener('message', onMessage)
      resolve(createPortWire(port))
    }
    window.addEventListener('message', onMessage)
    signal.addEventListener('abort', () => window.removeEventListener('message', onMessage), { once: true })
    window.hqqStudio?.requestPort()
  })
}
