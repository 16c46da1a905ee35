/** What goes wrong on the way: decided for each request, done to its answer. */
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

export interface FakeRequest {
  readonly host: 'hub' | 'storage'
  readonly method: string
  readonly path: string
  readonly range: string | null
  /** How many requests there were before. */
  readonly index: number
}

export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The connection breaks after this many bytes of the body. */
  | { readonly kind: 'drop'; readonly after: number }
  /** The body ends early as if that were all; its announced length is that of what is sent. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** One byte is another one. */
  | { readonly kind: 'corrupt'; readonly at: number }
  /** The answer is for a longer file. */
  | { readonly kind: 'wrong-length' }
  /** The whole file comes, whatever was asked for. */
  | { readonly kind: 'ignore-range' }
  /** Nothing moves any more after this many bytes. */
  | { readonly kind: 'stall'; readonly after: number }
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }

/** Sends a body with its fault. */
export async function sendBody(response: ServerResponse, body: Buffer, fault: Fault | null): Promise<void> {
  switch (fault?.kind) {
    case 'drop':
      response.write(body.subarray(0, fault.after), () => response.destroy())
      return
    case 'stall':
      response.write(body.subarray(0, fault.after))
      return
    case 'slow':
      return sendSlowly(response, body, fault.bytesPerSecond)
    case 'corrupt':
      response.end(withFlippedByte(body, fault.at))
      return
    default:
      response.end(body)
  }
}

/** The body that is announced, before it is sent. */
export function announced(body: Buffer, fault: Fault | null): Buffer {
  return fault?.kind === 'truncate' ? body.subarray(0, fault.after) : body
}

async function sendSlowly(response: ServerResponse, body: Buffer, bytesPerSecond: number): Promise<void> {
  const step = Math.max(1, Math.floor(bytesPerSecond / 50))
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    response.write(body.subarray(at, at + step))
    await delay(20)
  }
  response.end()
}

function withFlippedByte(body: Buffer, at: number): Buffer {
  const copy = Buffer.from(body)
  if (copy.length > 0) copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ 0x40
  return copy
}
