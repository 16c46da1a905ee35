/**
 * The main-side ends of Electron's ports: MessagePort to the page, utility process, and the port inside that process.
 * Only types are imported, so that tests run without Electron.
 */
import type { MessagePortMain, ParentPort, UtilityProcess } from 'electron'
import { createCloseSignal, type Wire } from '../rpc/wire.ts'

/** Main's end of a port whose other end is in a page. */
export function createPagePortWire(port: Pick<MessagePortMain, 'postMessage' | 'on' | 'once' | 'start'>): Wire {
  const ending = createCloseSignal()
  port.once('close', ending.close)
  return {
    send(message) {
      if (!ending.closed) port.postMessage(message)
    },
    onMessage(listener) {
      port.on('message', (event) => listener(event.data))
      port.start()
    },
    onClose: ending.onClose,
  }
}

/** Main's end of a utility process. Closed as soon as the exit is known: posting to a dead child can crash main. */
export function createUtilityProcessWire(child: Pick<UtilityProcess, 'postMessage' | 'on' | 'once'>): Wire {
  const ending = createCloseSignal()
  child.once('exit', () => ending.close())
  return {
    send(message) {
      if (!ending.closed) child.postMessage(message)
    },
    onMessage: (listener) => void child.on('message', listener),
    onClose: ending.onClose,
  }
}

/** The utility process's own end. It ends with its parent, so it never sees the wire close. */
export function createParentPortWire(port: Pick<ParentPort, 'postMessage' | 'on'>): Wire {
  return {
    send: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on('message', (event) => listener(event.data)),
    onClose: () => {},
  }
}
