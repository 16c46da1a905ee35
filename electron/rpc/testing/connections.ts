/** A connected pair for each kind of wire. Where a real transport needs another process, its events are imitated. */
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { deserialize, serialize } from 'node:v8'
import type { MessagePortMain, ParentPort, UtilityProcess } from 'electron'
import { WebSocketServer } from 'ws'
import { createPortWire } from '../../../renderer/client/port-wire.ts'
import { openSocketWire } from '../../../renderer/client/socket-wire.ts'
import { createChildProcessWire } from '../../wires/child-process.ts'
import { createPagePortWire, createParentPortWire, createUtilityProcessWire } from '../../wires/electron-port.ts'
import { createSocketWire } from '../../wires/websocket.ts'
import type { Wire } from '../wire.ts'
import type { Connection } from './conformance.ts'

/** A real server and the page's own end, over TCP. */
export async function connectWebSocket(): Promise<Connection> {
  const http = createServer().listen(0, '127.0.0.1')
  await once(http, 'listening')
  const sockets = new WebSocketServer({ server: http })
  const accepted = new Promise<Wire>((resolve) => {
    sockets.once('connection', (socket) => resolve(createSocketWire(socket)))
  })
  const { port } = http.address() as AddressInfo
  const client = await openSocketWire(`ws://127.0.0.1:${port}`, new AbortController().signal)
  return {
    client,
    server: await accepted,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

/** Two ends with the serialisation of `fork(..., {serialization: 'advanced'})`. */
export function connectForkChannel(): Connection {
  class Channel extends EventEmitter {
    connected = true
    other: Channel | undefined
    send(message: object, callback: (error: Error | null) => void): boolean {
      const bytes = serialize(message)
      setImmediate(() => {
        if (this.connected) this.other?.emit('message', deserialize(bytes))
        callback(this.connected ? null : new Error('channel closed'))
      })
      return true
    }
    disconnect(): void {
      this.connected = false
      this.emit('disconnect')
    }
  }
  const [parent, child] = [new Channel(), new Channel()]
  parent.other = child
  child.other = parent
  return {
    client: createChildProcessWire(parent),
    server: createChildProcessWire(child),
    close() {
      parent.disconnect()
      child.disconnect()
    },
  }
}

/** The page's end on a real MessagePort; main's end with Electron's event shape around the other. */
export function connectPagePort(): Connection {
  const { port1, port2 } = new MessageChannel()
  const main = Object.assign(new EventEmitter(), {
    postMessage: (message: unknown) => port2.postMessage(message),
    start: () => port2.start(),
  })
  port2.addEventListener('message', ({ data }: MessageEvent) => main.emit('message', { data, ports: [] }))
  port2.addEventListener('close', () => main.emit('close'))
  const client = createPortWire(port1)
  return {
    client,
    // Only the members used; Electron's class needs its binary.
    server: createPagePortWire(main as unknown as MessagePortMain),
    close: client.close,
  }
}

/** Main's end and the process's own end, with Electron's event shapes. */
export function connectUtilityProcess(): Connection {
  const main = new EventEmitter()
  const child = new EventEmitter()
  let exited = false
  const post = (deliver: (message: unknown) => void) => (message: unknown) => {
    const copy: unknown = structuredClone(message)
    setImmediate(() => exited || deliver(copy))
  }
  Object.assign(main, { postMessage: post((data) => child.emit('message', { data, ports: [] })) })
  Object.assign(child, { postMessage: post((message) => main.emit('message', message)) })
  const own = createParentPortWire(child as unknown as ParentPort)
  return {
    client: createUtilityProcessWire(main as unknown as UtilityProcess),
    // The process ends with its parent; here the end is told to the wire instead.
    server: { ...own, onClose: (listener) => child.once('gone', listener) },
    close() {
      exited = true
      main.emit('exit', 0)
      child.emit('gone')
    },
  }
}
