/**
 * A Hub of our own on two loopback ports, for tests: one for its API and one for its storage, as on the real one. It answers what the
 * app asks: search with pages, info, trees with pages, files with redirects, ranges and tags, access rules, uploads.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { announced, type FakeRequest, type Fault, sendBody } from './fake-faults.ts'
import { commitFiles, commitOf, contentHash, type FakeFile, type FakeRepo } from './fake-repos.ts'
import { searchModels } from './fake-search.ts'
import { createUploads } from './fake-uploads.ts'

const pathsSchema = z.object({ paths: z.array(z.string()) })

export interface FakeAccount {
  readonly name: string
  readonly orgs?: readonly string[]
  readonly role?: 'read' | 'write' | 'fineGrained'
  /** Gated repositories whose conditions it accepted. */
  readonly accepted?: readonly string[]
}

export interface FakeHubOptions {
  /** By token. */
  accounts?: Readonly<Record<string, FakeAccount>>
  fault?: (request: FakeRequest) => Fault | null
  /** Files in one page of a tree. */
  treePage?: number
  port?: number
  /** Serves https as `localhost`, with this certificate. */
  certificate?: { key: Buffer; cert: Buffer }
}

export interface SeenRequest extends FakeRequest {
  readonly authorization: string | null
}

export interface FakeHub {
  readonly endpoint: string
  readonly storage: string
  /** Every request so far. */
  readonly seen: SeenRequest[]
  readonly repos: Map<string, FakeRepo>
  /** Replaces what goes wrong from now on. */
  setFault(fault: FakeHubOptions['fault']): void
  add(name: string, files: Readonly<Record<string, Buffer>>, more?: Partial<Omit<FakeRepo, 'name' | 'commits'>>): string
  /** A new commit on main. */
  commit(name: string, files: Readonly<Record<string, Buffer | null>>): string
  close(): Promise<void>
}

export async function startFakeHub(options: FakeHubOptions = {}): Promise<FakeHub> {
  const { accounts = {}, treePage = 1000 } = options
  let fault = options.fault ?? (() => null)
  const repos = new Map<string, FakeRepo>()
  const seen: SeenRequest[] = []
  const { certificate } = options
  const serve = (host: 'hub' | 'storage') => {
    const answer = (request: IncomingMessage, response: ServerResponse) => void handle(request, response, host)
    return certificate === undefined ? createServer(answer) : createSecureServer(certificate, answer)
  }
  const origin = certificate === undefined ? 'http://127.0.0.1' : 'https://localhost'
  const hub = serve('hub')
  const storage = serve('storage')
  const endpoint = `${origin}:${await listen(hub, options.port ?? 0)}`
  const storageUrl = `${origin}:${await listen(storage, 0)}`
  const uploads = createUploads({ repos, storageUrl, readBody })

  async function handle(request: IncomingMessage, response: ServerResponse, host: 'hub' | 'storage'): Promise<void> {
    const url = new URL(request.url ?? '/', endpoint)
    const range = request.headers.range ?? null
    const record = { host, method: request.method ?? 'GET', path: url.pathname, range, index: seen.length }
    const authorization = request.headers.authorization ?? null
    seen.push({ ...record, authorization })
    const wrong = fault(record)
    if (wrong?.kind === 'status') return reply(response, wrong.status, { error: 'made to fail' }, wrong.headers)
    if (host === 'storage') return serveStorage(request, response, url, wrong)
    const account = authorization === null ? null : (accounts[authorization.replace('Bearer ', '')] ?? undefined)
    if (account === undefined) {
      return reply(
        response,
        401,
        { error: 'Invalid credentials' },
        { 'x-error-message': 'Invalid credentials in Authorization header' },
      )
    }
    await route(request, response, url, account, wrong)
  }

  async function route(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    account: FakeAccount | null,
    wrong: Fault | null,
  ): Promise<void> {
    const path = decodeURIComponent(url.pathname)
    if (path === '/api/whoami-v2') {
      if (account === null) return reply(response, 401, { error: 'Unauthorized' })
      return reply(response, 200, whoAmI(account))
    }
    if (path === '/api/models')
      return reply(response, 200, ...searchModels([...repos.values()], url, endpoint, account))
    if (path === '/api/repos/create' && account !== null) return uploads.create(request, response, account)
    const api =
      /^\/api\/(model|dataset)s\/([^/]+\/[^/]+)(?:\/(revision|tree|paths-info|preupload|commit)\/([^/]+))?$/.exec(path)
    const file = /^\/(?:(dataset)s\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path)
    const batch = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(path)
    const name = api?.[2] ?? file?.[2] ?? batch?.[1]
    const repo = name === undefined ? undefined : repos.get(name)
    if (repo === undefined || (repo.private && !belongsTo(repo, account))) {
      return reply(
        response,
        account === null ? 401 : 404,
        { error: 'Repository not found' },
        { 'x-error-code': 'RepoNotFound' },
      )
    }
    const action = api?.[3]
    if (batch || action === 'preupload' || action === 'commit') {
      if (!belongsTo(repo, account) || account?.role === 'read')
        return reply(response, 403, { error: 'Forbidden' }, { 'x-error-message': 'This token may not write here.' })
      if (batch) return uploads.batch(request, response)
      if (action === 'preupload') return uploads.preupload(request, response)
      return uploads.commit(request, response, repo)
    }
    const commit = commitOf(repo, file?.[3] ?? api?.[4] ?? 'main')
    if (commit === undefined)
      return reply(response, 404, { error: 'Invalid rev id' }, { 'x-error-code': 'RevisionNotFound' })
    if (action === 'tree') return serveTree(response, url, commit.files)
    if (action === 'paths-info') return servePathsInfo(request, response, commit)
    if (api)
      return reply(response, 200, {
        id: repo.name,
        sha: commit.id,
        private: repo.private,
        gated: repo.gated,
        siblings: [...commit.files.keys()].map((rfilename) => ({ rfilename })),
        ...repo.info,
      })
    if (repo.gated !== false && !account?.accepted?.includes(repo.name)) {
      return reply(
        response,
        account === null ? 401 : 403,
        { error: 'Access to model is restricted' },
        { 'x-error-code': 'GatedRepo', 'x-error-message': `Access to model ${repo.name} is restricted.` },
      )
    }
    const found = commit.files.get(file?.[4] ?? '')
    if (found === undefined)
      return reply(response, 404, { error: 'Entry not found' }, { 'x-error-code': 'EntryNotFound' })
    serveFile(request, response, commit.id, found, wrong)
  }

  function serveTree(response: ServerResponse, url: URL, files: ReadonlyMap<string, FakeFile>): void {
    const all = [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
    const from = Number(url.searchParams.get('cursor') ?? 0)
    const page = all.slice(from, from + treePage)
    const next = new URL(url)
    next.searchParams.set('cursor', String(from + treePage))
    const headers = from + treePage < all.length ? { link: `<${next.href}>; rel="next"` } : {}
    reply(response, 200, page.map(treeEntry), headers)
  }

  async function servePathsInfo(
    request: IncomingMessage,
    response: ServerResponse,
    commit: FakeRepo['commits'][number],
  ): Promise<void> {
    const { paths } = pathsSchema.parse(JSON.parse((await readBody(request)).toString()))
    const lastCommit = { id: commit.id, title: 'a commit', date: '2026-01-01T00:00:00.000Z' }
    const found = paths.flatMap((path) => commit.files.get(path) ?? [])
    reply(
      response,
      200,
      found.map((file) => ({ ...treeEntry(file), lastCommit })),
    )
  }

  function serveFile(
    request: IncomingMessage,
    response: ServerResponse,
    commit: string,
    file: FakeFile,
    wrong: Fault | null,
  ): void {
    response.setHeader('x-repo-commit', commit)
    if (!file.lfs) {
      response.setHeader('etag', `"${file.oid}"`)
      return void serveContent(request, response, file.content, wrong)
    }
    response.setHeader('x-linked-etag', `"${file.sha256}"`)
    response.setHeader('x-linked-size', String(file.content.length))
    response.writeHead(302, { location: `${storageUrl}/lfs/${file.sha256}?signature=made-up` })
    response.end()
  }

  async function serveStorage(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    wrong: Fault | null,
  ): Promise<void> {
    if (request.method === 'PUT') return uploads.put(request, response, url)
    const hash = url.pathname.replace('/lfs/', '')
    const known = [...repos.values()].flatMap(({ commits }) => commits).flatMap(({ files }) => [...files.values()])
    const file = known.find((one) => contentHash(one) === hash)
    if (file === undefined) return reply(response, 404, {})
    response.setHeader('etag', `"${hash.slice(0, 32)}"`)
    await serveContent(request, response, file.content, wrong)
  }

  return {
    endpoint,
    storage: storageUrl,
    seen,
    repos,
    setFault(next) {
      fault = next ?? (() => null)
    },
    add(name, files, more = {}) {
      const repo: FakeRepo = { type: 'model', name, private: false, gated: false, info: {}, ...more, commits: [] }
      repos.set(name, repo)
      return commitFiles(repo, files)
    },
    commit(name, files) {
      const repo = repos.get(name)
      if (repo === undefined) throw new Error(`no ${name}`)
      return commitFiles(repo, files)
    },
    async close() {
      for (const server of [hub, storage]) {
        const closed = new Promise((resolve) => server.close(resolve))
        server.closeAllConnections()
        await closed
      }
    },
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve) => {
    // A listening TCP server's address is always of this kind.
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function belongsTo(repo: FakeRepo, account: FakeAccount | null): boolean {
  const owner = repo.name.split('/')[0] ?? ''
  return account !== null && (account.name === owner || (account.orgs ?? []).includes(owner))
}

function whoAmI({ name, orgs = [], role = 'write' }: FakeAccount) {
  return {
    type: 'user',
    id: 'u1',
    name,
    fullname: name,
    orgs: orgs.map((org) => ({ type: 'org', name: org, roleInOrg: 'write' })),
    auth: { type: 'access_token', accessToken: { displayName: 'test', role, createdAt: '2026-01-01T00:00:00.000Z' } },
  }
}

function treeEntry(file: FakeFile) {
  const { path, content, oid, lfs, sha256 } = file
  return {
    type: 'file',
    path,
    oid,
    size: content.length,
    ...(lfs ? { lfs: { oid: sha256, size: content.length, pointerSize: 135 } } : {}),
  }
}

async function serveContent(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  wrong: Fault | null,
): Promise<void> {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const ifRange = request.headers['if-range']
  const changed = ifRange !== undefined && ifRange !== response.getHeader('etag')
  const ranged = first !== undefined && wrong?.kind !== 'ignore-range' && !changed
  const begin = ranged ? Number(first) : 0
  const end = ranged && last ? Math.min(content.length, Number(last) + 1) : content.length
  if (ranged && begin >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` })
    return void response.end()
  }
  const total = content.length + (wrong?.kind === 'wrong-length' ? 7 : 0)
  const body = announced(content.subarray(begin, end), wrong)
  response.writeHead(ranged ? 206 : 200, {
    'accept-ranges': 'bytes',
    'content-length': wrong?.kind === 'wrong-length' && !ranged ? total : body.length,
    ...(ranged ? { 'content-range': `bytes ${begin}-${begin + body.length - 1}/${total}` } : {}),
  })
  if (request.method === 'HEAD') return void response.end()
  await sendBody(response, body, wrong)
}

function reply(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts)
}
