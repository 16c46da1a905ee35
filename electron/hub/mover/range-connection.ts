/**
 * A connection of its own, one request for a range after another. The bytes are read into one buffer that is used again and again:
 * streams would make a new one for every 64 KB, and most of the time of a fast download went into making, carrying and collecting them.
 */
import * as net from 'node:net'
import * as tls from 'node:tls'
import type { RangeAddress, RangeOutcome } from './messages.ts'
import {
  BadHead,
  isHeader,
  isRange,
  keepsOpen,
  MAX_HEAD_BYTES,
  type ResponseHead,
  readHead,
  type WantedRange,
} from './response-head.ts'

export interface RangeSink {
  /** Bytes of the file from `at` on; they stay where they are only until this returns. May throw, which ends the request. */
  take(piece: Buffer, at: number): void
  /** Once, last. */
  ended(outcome: RangeOutcome): void
}

export interface RangeConnection {
  /** True when it can carry another request to this address. */
  serves(address: RangeAddress): boolean
  request(address: RangeAddress, range: WantedRange, sink: RangeSink): void
  /** Ends it, and its request with `stopped`. */
  stop(): void
}

class TooMuch extends Error {}

/** What has gathered for this long is handed on even when it is little, so that a slow line shows progress. */
const LONGEST_GATHERING_MS = 100

/** `onGone` is called once, when the connection cannot be used any more. */
export function openConnection(address: RangeAddress, pieceBytes: number, onGone: () => void): RangeConnection {
  // Room for a piece after as much as half of one has gathered, and for the longest head.
  const buffer = Buffer.allocUnsafeSlow(Math.max(pieceBytes, 2 * MAX_HEAD_BYTES))
  let current: { range: WantedRange; sink: RangeSink; head: ResponseHead | null; at: number } | null = null
  /** Bytes in the buffer, and how many of them are not the file's. */
  let filled = 0
  let skipped = 0
  let gatheredSince = 0

  const socket = connect(address, {
    buffer: () => buffer.subarray(filled),
    callback(length) {
      filled += length
      receive()
      return true
    },
  })
  socket.setTimeout(address.stallMs, () => {
    const message = `${address.host} sent nothing for ${address.stallMs / 1000} s`
    end({ kind: 'failure', message, code: 'ESTALLED', syscall: null })
  })
  socket.once('error', (error) => end(failure(error)))
  socket.once('end', () => end({ kind: 'broken', why: 'the answer was cut off' }))
  socket.once('close', () => end({ kind: 'broken', why: 'the connection was closed' }))

  let gone = false
  /** The connection is over, whatever state it is in. */
  function end(outcome: RangeOutcome): void {
    if (gone) return
    gone = true
    socket.destroy()
    onGone()
    const ended = current
    current = null
    ended?.sink.ended(outcome)
  }

  function receive(): void {
    if (gone) return
    try {
      // Nobody asked for this.
      if (current === null) throw new TooMuch()
      if (current.head === null && !readAnswer(current)) return
      const gathered = filled - skipped
      const isLast = current.at + gathered >= current.range.end
      const isDue = gathered * 2 >= pieceBytes || performance.now() - gatheredSince > LONGEST_GATHERING_MS
      if (gathered > 0 && (isLast || isDue)) handOn(current, gathered, isLast)
    } catch (error) {
      if (error instanceof BadHead) end({ kind: 'unsuited', why: error.message })
      else if (error instanceof TooMuch) end({ kind: 'broken', why: 'more bytes came than were announced' })
      else end(failure(error))
    }
  }

  /** True when the body may be read. */
  function readAnswer(asked: NonNullable<typeof current>): boolean {
    const head = readHead(buffer.subarray(0, filled))
    if (head === null) return false
    if (!isRange(head, asked.range)) {
      end({ kind: 'answer', status: head.status, retryAfter: head.headers.get('retry-after') ?? null })
      return false
    }
    asked.head = head
    skipped = head.bodyAt
    gatheredSince = performance.now()
    return true
  }

  function handOn(asked: NonNullable<typeof current>, gathered: number, isLast: boolean): void {
    const { range, sink, head } = asked
    const piece = buffer.subarray(skipped, skipped + Math.min(gathered, range.end - asked.at))
    sink.take(piece, asked.at)
    asked.at += piece.length
    filled = 0
    skipped = 0
    gatheredSince = performance.now()
    if (!isLast) return
    if (gathered > piece.length) throw new TooMuch()
    current = null
    if (head === null || !keepsOpen(head)) end({ kind: 'whole' })
    sink.ended({ kind: 'whole' })
  }

  return {
    serves: (other) =>
      !gone &&
      current === null &&
      other.host === address.host &&
      other.port === address.port &&
      other.secure === address.secure,
    request(to, range, sink) {
      current = { range, sink, head: null, at: range.begin }
      try {
        socket.write(requestText(to, range))
      } catch (error) {
        end(failure(error))
      }
    },
    stop: () => end({ kind: 'stopped' }),
  }
}

function connect({ host, port, secure }: RangeAddress, onread: net.OnReadOpts): net.Socket {
  if (!secure) return net.connect({ host, port, onread })
  // A name of the server may be sent and checked only where there is one; an address is checked as such.
  const named = net.isIP(host) === 0 ? { servername: host } : {}
  // The declared options lack `onread`, though tls.connect takes all that net.connect does.
  const options: tls.ConnectionOptions & { onread: net.OnReadOpts } = {
    ...{ host, port, ...named, onread },
    ALPNProtocols: ['http/1.1'],
  }
  return tls.connect(options)
}

/** Throws for a header with a line break in it. */
function requestText({ path, headers }: RangeAddress, { begin, end }: WantedRange): string {
  const all = { ...headers, range: `bytes=${begin}-${end - 1}`, connection: 'keep-alive' }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  if (!lines.every(isHeader)) throw new TypeError('a header of the request has a character that no header may have')
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

function failure(error: unknown): RangeOutcome {
  const { message, code, syscall } = toSystemError(error)
  return { kind: 'failure', message, code, syscall }
}

function toSystemError(error: unknown): { message: string; code: string; syscall: string | null } {
  if (!(error instanceof Error)) return { message: String(error), code: '', syscall: null }
  const code = 'code' in error ? String(error.code) : ''
  return { message: error.message, code, syscall: 'syscall' in error ? String(error.syscall) : null }
}
