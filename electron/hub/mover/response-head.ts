/**
 * Reads the head of one kind of answer: HTTP/1.1 with a length. It is strict on purpose: whatever is unusual is left to the general
 * way of fetching, which understands it or says what is wrong.
 */

export interface ResponseHead {
  readonly status: number
  /** Names in lower case; of one that was sent twice the first. */
  readonly headers: ReadonlyMap<string, string>
  /** Where the body begins. */
  readonly bodyAt: number
}

export interface WantedRange {
  readonly begin: number
  /** Exclusive. */
  readonly end: number
  /** Bytes of the whole file. */
  readonly total: number
}

/** A head that is longer is not waited for. */
export const MAX_HEAD_BYTES = 32 * 2 ** 10

const HEAD_END = '\r\n\r\n'
/** If two of them disagreed, one would not know where the body ends. */
const FRAMING: readonly string[] = ['content-length', 'content-range', 'content-encoding', 'transfer-encoding']
/** In a value visible characters, blanks and tabs: a lone line break or a zero is in no head that is meant well. */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/

export function isHeader(line: string): boolean {
  return HEADER.test(line)
}

/** Thrown for what is no head as it should be. */
export class BadHead extends Error {}

/** Null as long as the end of the head has not come. `data` begins with the first byte of the answer. */
export function readHead(data: Buffer): ResponseHead | null {
  const end = data.indexOf(HEAD_END)
  if ((end < 0 ? data.length : end) > MAX_HEAD_BYTES) throw new BadHead('its head is too long')
  if (end < 0) return null
  const [first = '', ...lines] = data.toString('latin1', 0, end).split('\r\n')
  const status = /^HTTP\/1\.1 ([1-5]\d\d)(?: [^\r\n]*)?$/.exec(first)?.[1]
  if (status === undefined) throw new BadHead('it is not HTTP/1.1')
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, name, value = ''] = HEADER.exec(line) ?? []
    if (name === undefined) throw new BadHead('its head has a line that is no header')
    const key = name.toLowerCase()
    if (!headers.has(key)) headers.set(key, value.trim())
    else if (FRAMING.includes(key)) throw new BadHead(`it has ${key} twice`)
  }
  return { status: Number(status), headers, bodyAt: end + HEAD_END.length }
}

/** Whether the body is exactly these bytes as they are. */
export function isRange({ status, headers }: ResponseHead, { begin, end, total }: WantedRange): boolean {
  const [, from, to, all] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
  return (
    status === 206 &&
    headers.get('transfer-encoding') === undefined &&
    (headers.get('content-encoding') ?? 'identity').toLowerCase() === 'identity' &&
    headers.get('content-length') === String(end - begin) &&
    from === String(begin) &&
    to === String(end - 1) &&
    (all === '*' || all === String(total))
  )
}

/** Whether the connection may carry another request after this answer. */
export function keepsOpen({ headers }: ResponseHead): boolean {
  return !/(^|[\s,])close($|[\s,])/i.test(headers.get('connection') ?? '')
}
