/** Byte ranges of one file of a repository at one commit, with the Hub's word on what the file is checked each time. */
import { AppError } from '../contract/errors.ts'
import type { ContentId } from './content-hash.ts'
import type { HubAnswer, HubClient, RepoName } from './hub-client.ts'
import { Transient } from './retry.ts'

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
  /** Where the Hub redirected to, used again until it runs out, and the storage's own tag of the content. */
  let direct: { url: string; etag: string | null } | null = null

  async function request(begin: number, end: number, signal: AbortSignal): Promise<HubAnswer> {
    const range = `bytes=${begin}-${end - 1}`
    if (direct !== null) {
      const known = direct
      const headers = { range, ...(known.etag === null ? {} : { 'if-range': known.etag }) }
      const answer = await client.exchange(known.url, { headers, signal })
      if (answer.status < 400) return answer
      answer.body.resume()
      direct = null
      if (!EXPIRED.includes(answer.status)) throw new Transient(`${answer.url.host} answered ${answer.status}`)
    }
    const answer = await client.open(start, { headers: { range }, signal, subject })
    checkIdentity(answer, commit, file)
    if (answer.url.href !== answer.first.url.href) direct = { url: answer.url.href, etag: strongTag(answer) }
    return answer
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
  }
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
