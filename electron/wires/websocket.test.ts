import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { createSocketWire } from './websocket.ts'

/** A socket whose reader takes nothing until `drain` is called. */
class SlowSocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  bufferedAmount = 0
  terminated = false
  readonly received: unknown[] = []
  private readonly queue: { text: string; done: () => void }[] = []

  send(text: string, done: () => void): void {
    this.queue.push({ text, done })
    this.bufferedAmount += text.length
  }
  terminate(): void {
    this.terminated = true
  }
  /** Lets the reader take all that is buffered, and what that sets free. */
  drain(): void {
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      this.bufferedAmount -= next.text.length
      this.received.push(JSON.parse(next.text))
      next.done()
    }
  }
}

function connect(limits = { heldAboveBytes: 10, closedAboveBytes: 1000 }) {
  const socket = new SlowSocket()
  // Only the members that the wire uses.
  return { socket, wire: createSocketWire(socket as unknown as WebSocket, limits) }
}

describe('socket wire', () => {
  it('sends everything to a page that keeps up', () => {
    const { socket, wire } = connect()
    for (let n = 0; n < 5; n++) {
      wire.send(n, 'progress')
      socket.drain()
    }
    expect(socket.received).toEqual([0, 1, 2, 3, 4])
  })

  it('keeps only the newest of what supersedes itself while the page is slow', () => {
    const { socket, wire } = connect()
    wire.send('a first message')
    for (let n = 0; n < 100; n++) wire.send({ n }, 'progress')
    wire.send({ other: 1 }, 'snapshot')
    socket.drain()
    expect(socket.received).toEqual(['a first message', { n: 99 }, { other: 1 }])
  })

  it('drops nothing else, and keeps the order', () => {
    const { socket, wire } = connect()
    wire.send('a first message')
    wire.send({ n: 1 }, 'progress')
    wire.send({ n: 2 }, 'progress')
    wire.send('text')
    wire.send({ n: 3 }, 'progress')
    wire.send('answer')
    socket.drain()
    expect(socket.received).toEqual(['a first message', { n: 2 }, 'text', { n: 3 }, 'answer'])
  })

  it('gives up on a page that reads nothing', () => {
    const { socket, wire } = connect()
    for (let n = 0; n < 100; n++) wire.send('text that must not be dropped')
    expect(socket.terminated).toBe(true)
  })

  it('passes on what is not JSON as undefined and ignores binary frames', () => {
    const { socket, wire } = connect()
    const seen: unknown[] = []
    wire.onMessage((message) => seen.push(message))
    socket.emit('message', Buffer.from('{"a":1}'), false)
    socket.emit('message', Buffer.from('{"a":'), false)
    socket.emit('message', Buffer.from([1, 2]), true)
    expect(seen).toEqual([{ a: 1 }, undefined])
  })

  it('sends nothing after it has closed', () => {
    const { socket, wire } = connect()
    socket.emit('close')
    wire.send('late')
    socket.drain()
    expect(socket.received).toEqual([])
  })
})
