import { describe, expect, it } from 'vitest'
import { BadHead, isRange, keepsOpen, MAX_HEAD_BYTES, readHead } from './response-head.ts'

const RANGE = { begin: 100, end: 200, total: 1000 }
const HEADERS: Readonly<Record<string, string>> = { 'Content-Length': '100', 'Content-Range': 'bytes 100-199/1000' }

function answer(headers: Readonly<Record<string, string>> = HEADERS, status = 'HTTP/1.1 206 Partial Content'): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${status}\r\n${lines.join('')}\r\nbody`, 'latin1')
}

describe('the head of an answer', () => {
  it('is read when all of it is there', () => {
    const data = answer({ ...HEADERS, ETag: '"x"', 'X-Twice': 'a', 'x-twice': 'b' })
    for (let length = 0; length < data.length - 4; length++) expect(readHead(data.subarray(0, length))).toBeNull()
    const head = readHead(data)
    expect(head?.status).toBe(206)
    expect(head?.headers.get('etag')).toBe('"x"')
    expect(head?.headers.get('x-twice')).toBe('a')
    expect(data.subarray(head?.bodyAt).toString()).toBe('body')
  })

  it.each<[string, Buffer]>([
    ['another protocol', answer(HEADERS, 'HTTP/1.0 206 Partial Content')],
    ['no status', answer(HEADERS, 'HTTP/1.1 2x6 Partial Content')],
    ['two lengths', answer({ ...HEADERS, 'content-length': '7' })],
    ['two ranges', answer({ ...HEADERS, 'content-range': 'bytes 0-99/1000' })],
    ['a line that goes on in the next', answer({ ...HEADERS, a: 'b\r\n c' })],
    ['a blank before the colon', answer({ ...HEADERS, 'a ': 'b' })],
    ['a line without a colon', Buffer.from('HTTP/1.1 206 Partial Content\r\nnothing\r\n\r\n')],
    ['a lone line feed', answer({ a: 'b\nContent-Length: 5' })],
    ['a lone carriage return', answer({ a: 'b\rc' })],
    ['a zero', answer({ a: 'b\0' })],
    ['lines that end in line feeds only', Buffer.from('HTTP/1.1 206 OK\nContent-Length: 5\n\r\n\r\n')],
    ['no end', Buffer.alloc(MAX_HEAD_BYTES + 1, 'a')],
    ['a late end', answer({ a: 'b'.repeat(MAX_HEAD_BYTES) })],
  ])('is refused with %s', (_, data) => {
    expect(() => readHead(data)).toThrow(BadHead)
  })

  it('is that of the range only when everything about it is right', () => {
    const fits = (headers: Record<string, string>, status?: string) => {
      const head = readHead(answer({ ...HEADERS, ...headers }, status))
      return head !== null && isRange(head, RANGE)
    }
    expect(fits({})).toBe(true)
    expect(fits({ 'Content-Range': 'bytes 100-199/*', 'Content-Encoding': 'identity' })).toBe(true)
    expect(fits({}, 'HTTP/1.1 200 OK')).toBe(false)
    for (const wrong of [
      ...[{ 'Content-Length': '99' }, { 'Content-Length': '100 ' + '0' }, { 'Content-Length': '+100' }],
      ...[{ 'Content-Range': 'bytes 99-199/1000' }, { 'Content-Range': 'bytes 100-198/1000' }],
      ...[{ 'Content-Range': 'bytes 100-199/1001' }, { 'Content-Range': '' }],
      ...[{ 'Content-Encoding': 'gzip' }, { 'Transfer-Encoding': 'chunked' }],
    ])
      expect(fits(wrong as Record<string, string>), JSON.stringify(wrong)).toBe(false)
  })

  it('says whether the connection stays open', () => {
    const keeps = (connection: string) => keepsOpen(readHead(answer({ connection })) ?? expect.fail())
    expect(keeps('keep-alive')).toBe(true)
    expect(keeps('Close')).toBe(false)
    expect(keeps('x, close')).toBe(false)
  })
})
