/** Byte ranges of one file of a repository at one commit, with the Hub's word on what the file is checked each time. */
import { AppError } from '../contract/errors.ts'
import type { ContentId } from './content-hash.ts'
import { BUSY, type HubAnswer, type HubClient, type RepoName } from './hub-client.ts'
import type { RangeAddress } from './mover/messages.ts'
import { parseRetryAfter, Transient } from './retry.ts'

/** A file as the Hub lists it. */
export interface RepoFile {
  readonly path: string
  readonly bytes: number
  readonly id: ContentId
}

export interface FileSource {
  readonly file: RepoFile
  /**
   * The bytes from `begin` to `end` (exclusive) as they come. `whole` is true when the server sent the file from its start
   * instead. Throws Transient, or AppError for good.
   */
  open(
    begin: number,
    end: number,
    signal: AbortSignal,
  ): Promise<{ body: AsyncIterable<Uint8Array>; whole: boolean; close(): void }>
  /**
   * Where ranges can be asked for without being redirected, found with a request for one byte; null where only `open` will do: a
   * proxy, a storage without ranges. Throws as `open`.
   */
  locate(signal: AbortSignal): Promise<RangeAddress | null>
  /** After another answer than the range came from there. Throws Transient where it is worth another try. */
  refused(status: number, retryAfter: string | null): void
}

export interface FileSourceOptions {
  client: HubClient
  repo: RepoName
  /** Full hash: the content behind it never changes. */
  commit: string
  file: RepoFile
}

/** Answers of a storage whose signed address has run out. */
const EXPIRED: readonly number[] = [400, 401, 403, 404, 410]

export function createFileSource({ client, repo, commit, file }: FileSourceOptions): FileSource {
  const start = resolveUrl(client.endpoint, repo, commit, file.path)
  const subject = { repo: repo.name, page: client.pageOf(repo) }
  /** Where the Hub redirected to, used again until it runs out. */
  let direct: Known | null = null
  /** The same where the Hub itself serves the file. Its own answers are checked each time, so `open` does not use it. */
  let located: Known | null = null
  /** Whoever else asks meanwhile waits for the same answer. */
  let locating: Promise<void> | null = null

  async function request(begin: number, end: number, signal: AbortSignal): Promise<HubAnswer> {
    const range = `bytes=${begin}-${end - 1}`
    if (direct !== null) {
      const known = direct
      const answer = await client.exchange(known.url, { headers: { range, ...ifRange(known) }, signal })
      if (answer.status < 400) return answer
      answer.body.resume()
      forget()
      if (!EXPIRED.includes(answer.status)) throw busy(answer.url.host, answer.status, answer.header('retry-after'))
    }
    const answer = await client.open(start, { headers: { range }, signal, subject })
    checkIdentity(answer, commit, file)
    located = { url: answer.url.href, etag: strongTag(answer) }
    if (answer.url.href !== answer.first.url.href) direct = located
    return answer
  }

  function forget(): void {
    direct = null
    located = null
  }

  /** Sets `located`, unless the answer is the whole file. */
  async function look(signal: AbortSignal): Promise<void> {
    const answer = await request(0, 1, signal)
    if (answer.status !== 200) {
      checkRange(answer, 0, file)
      return void answer.body.resume()
    }
    answer.body.destroy()
    located = null
  }

  return {
    file,
    async open(begin, end, signal) {
      const answer = await request(begin, end, signal)
      const whole = answer.status === 200
      if (!whole) checkRange(answer, begin, file)
      else if (Number(answer.header('content-length') ?? file.bytes) !== file.bytes) {
        answer.body.destroy()
        throw wrongLength(file, answer.header('content-length'))
      }
      return { body: answer.body, whole, close: () => answer.body.destroy() }
    },
    async locate(signal) {
      if (located === null) {
        // What is behind a proxy there is so, most likely, everywhere.
        if ((await client.addressOf(start, {})) === null) return null
        locating ??= look(signal).finally(() => {
          locating = null
        })
        await locating
      }
      return located === null ? null : client.addressOf(located.url, ifRange(located))
    },
    refused(status, retryAfter) {
      const host = located === null ? 'the storage' : new URL(located.url).host
      // A busy storage is still the right one.
      if (!BUSY.includes(status)) forget()
      if (status >= 400) throw busy(host, status, retryAfter)
    },
  }
}

/** An address, and the storage's own tag of the content. */
interface Known {
  readonly url: string
  readonly etag: string | null
}

function ifRange({ etag }: Known): Record<string, string> {
  return etag === null ? {} : { 'if-range': etag }
}

function busy(host: string, status: number, retryAfter: string | null): Transient {
  return new Transient(`${host} answered ${status}`, parseRetryAfter(retryAfter, Date.now()))
}

export function resolveUrl(endpoint: string, repo: RepoName, revision: string, path: string): string {
  const folder = repo.type === 'dataset' ? 'datasets/' : ''
  const name = path.split('/').map(encodeURIComponent).join('/')
  return `${endpoint}/${folder}${repo.name}/resolve/${encodeURIComponent(revision)}/${name}`
}

/** What the Hub itself says about the file it redirects from must be what it listed. */
function checkIdentity({ first }: HubAnswer, commit: string, file: RepoFile): void {
  const served = first.header('x-repo-commit')
  const etag = plainTag(first.header('x-linked-etag') ?? first.header('etag'))
  const size = first.header('x-linked-size')
  const wrongCommit = served !== null && served !== commit
  const wrongContent = etag !== null && /^[0-9a-f]{40,64}$/.test(etag) && etag !== file.id.hex
  if (!wrongCommit && !wrongContent && (size === null || Number(size) === file.bytes)) return
  first.body.destroy()
  throw new AppError(
    'bad-file',
    `The Hub serves another ${file.path} than it lists for this revision. Start the download again.`,
  )
}

function checkRange(answer: HubAnswer, begin: number, file: RepoFile): void {
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.header('content-range') ?? '') ?? []
  if (Number(from) === begin && (total === '*' || Number(total) === file.bytes)) return
  answer.body.destroy()
  if (total !== undefined && total !== '*' && Number(total) !== file.bytes) throw wrongLength(file, total)
  throw new Transient(`${answer.url.host} sent another part than was asked for`)
}

function wrongLength(file: RepoFile, length: string | null): Transient {
  return new Transient(`${file.path} has ${length} bytes at its storage, but ${file.bytes} in the list`)
}

function plainTag(tag: string | null): string | null {
  return tag === null ? null : tag.replace(/^W\//, '').replace(/^"|"$/g, '')
}

/** Only a strong tag may stand in If-Range. */
function strongTag(answer: HubAnswer): string | null {
  const tag = answer.header('etag')
  return tag?.startsWith('"') ? tag : null
}
