import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toAppError } from '../contract/errors.ts'
import { downloadFiles } from './download.ts'
import type { RepoFile } from './file-source.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'
import { listRepoFiles, readRepoInfo } from './repo-info.ts'
import type { FakeRequest, Fault } from './testing/fake-faults.ts'
import { type FakeHub, type FakeHubOptions, startFakeHub } from './testing/fake-hub.ts'
import { type ClientOptions, noise, tempFolder, testDownload } from './testing/world.ts'

const NAME = 'acme/tiny'
const FILES: Record<string, Buffer> = {
  'config.json': Buffer.from('{"model_type":"llama"}'),
  'tokenizer.json': noise(9000, 1),
  'model-00001-of-00002.safetensors': noise(70_001, 2),
  'model-00002-of-00002.safetensors': noise(50_000, 3),
  'sub/empty.txt': Buffer.alloc(0),
}

let hub: FakeHub
let folder: ReturnType<typeof tempFolder>
beforeEach(() => {
  folder = tempFolder()
})
afterEach(async () => {
  await hub.close()
  folder.remove()
})

async function setUp(options: FakeHubOptions = {}): Promise<void> {
  hub = await startFakeHub(options)
  hub.add(NAME, FILES)
}

interface Asked extends ClientOptions {
  signal?: AbortSignal
  limit?: RateLimit
  freeBytes?: number
  floorBytes?: number
  pick?: (files: RepoFile[]) => RepoFile[]
}

async function download({ signal, limit, freeBytes, floorBytes, pick, ...client }: Asked = {}) {
  const deps = testDownload(hub.endpoint, folder.path, client)
  if (limit !== undefined) deps.limit = limit
  if (freeBytes !== undefined) deps.freeBytes = async () => freeBytes
  if (floorBytes !== undefined) deps.floorBytes = floorBytes
  const repo = { type: 'model', name: NAME } as const
  const info = await readRepoInfo(deps.client, repo, 'main')
  const listed = await listRepoFiles(deps.client, repo, info.commit)
  const progress: number[] = []
  const snapshot = await downloadFiles(deps, {
    repo,
    revision: 'main',
    commit: info.commit,
    files: pick?.(listed) ?? listed,
    signal: signal ?? new AbortController().signal,
    onProgress: ({ bytesDone }) => progress.push(bytesDone),
  })
  return { snapshot, progress, commit: info.commit }
}

function expectWhole(snapshot: string): void {
  for (const [path, content] of Object.entries(FILES))
    expect(readFileSync(join(snapshot, path)).equals(content)).toBe(true)
}

function blobs(): string[] {
  return readdirSync(join(folder.path, 'models--acme--tiny', 'blobs')).sort()
}

/** Chunks that the list beside an unfinished file names; 0 without one. */
function notedChunks(hash: string): number {
  const list = blobs().find((name) => name.startsWith(hash) && name.endsWith('.chunks'))
  if (list === undefined) return 0
  return readFileSync(join(folder.path, 'models--acme--tiny', 'blobs', list), 'utf8')
    .split('\n')
    .slice(1, -1).length
}

describe('a download', () => {
  it('fills the shared cache: blobs by hash, links, and the branch', async () => {
    await setUp()
    const { snapshot, progress, commit } = await download()
    expectWhole(snapshot)
    expect(snapshot).toBe(join(folder.path, 'models--acme--tiny', 'snapshots', commit))
    expect(readlinkSync(join(snapshot, 'sub', 'empty.txt'))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/)
    expect(readFileSync(join(folder.path, 'models--acme--tiny', 'refs', 'main'), 'utf8')).toBe(commit)
    expect(blobs()).toHaveLength(5)
    expect(progress.at(-1)).toBe(Object.values(FILES).reduce((sum, { length }) => sum + length, 0))
  })

  it('asks for nothing that is there already', async () => {
    await setUp()
    await download()
    const before = hub.seen.length
    await download()
    expect(
      hub.seen
        .slice(before)
        .map(({ path }) => path)
        .filter((path) => /resolve|lfs/.test(path)),
    ).toEqual([])
  })

  it('sends the token to the Hub and never to the storage', async () => {
    await setUp({ accounts: { hf_secret1234: { name: 'acme' } } })
    await download({ token: 'hf_secret1234' })
    const storage = hub.seen.filter(({ host }) => host === 'storage')
    expect(storage.length).toBeGreaterThan(2)
    expect(storage.every(({ authorization }) => authorization === null)).toBe(true)
    expect(
      hub.seen
        .filter(({ host }) => host === 'hub')
        .every(({ authorization }) => authorization === 'Bearer hf_secret1234'),
    ).toBe(true)
  })

  it('has large files moved from where the Hub serves them itself, with the token', async () => {
    await setUp({ accounts: { hf_secret1234: { name: 'acme' } } })
    const repo = hub.repos.get(NAME)
    if (repo) repo.private = true
    expectWhole((await download({ token: 'hf_secret1234', moverBytes: 5000 })).snapshot)
    const asked = hub.seen.filter(({ path }) => path.endsWith('/tokenizer.json'))
    expect(asked.map(({ range }) => range)).toContain('bytes=0-0')
    expect(asked.every(({ authorization }) => authorization === 'Bearer hf_secret1234')).toBe(true)
  })

  it('keeps to a limit of the bandwidth that is set meanwhile', async () => {
    await setUp()
    let rate: number | null = null
    const own = createRateLimit(() => rate, Date.now)
    let limited = 0
    const limit: RateLimit = {
      isSet: own.isSet,
      take(bytes, signal) {
        if (rate !== null) limited += bytes
        return own.take(bytes, signal)
      },
    }
    hub.setFault(({ host, range }) => {
      if (host !== 'storage' || range === 'bytes=0-0') return null
      rate ??= 1e7
      return { kind: 'slow', bytesPerSecond: 100_000 }
    })
    expectWhole((await download({ limit })).snapshot)
    expect(limited).toBeGreaterThan(50_000)
  })

  it('keeps to its commit when the branch moves meanwhile', async () => {
    await setUp()
    const first = hub.repos.get(NAME)?.commits[0]?.id
    hub.setFault((request) => {
      if (request.path.includes('/resolve/')) hub.commit(NAME, { 'tokenizer.json': noise(9000, request.index + 50) })
      return null
    })
    const { snapshot, commit } = await download()
    expect(commit).toBe(first)
    expectWhole(snapshot)
  })

  it('refuses when the disk would fall below its floor, and says the numbers', async () => {
    await setUp()
    const error = toAppError(
      await download({ freeBytes: 150_000, floorBytes: 100_000 }).catch((thrown: unknown) => thrown),
    )
    expect(error).toMatchObject({
      code: 'disk-full',
      data: { freeBytes: 150_000, floorBytes: 100_000, neededBytes: 129_023 },
    })
    expect(hub.seen.some(({ path }) => path.includes('/resolve/'))).toBe(false)
  })

  it('goes on where a stop left it', async () => {
    await setUp()
    const stop = new AbortController()
    let stopped = ''
    hub.setFault(({ host, path }) => {
      const hash = path.replace('/lfs/', '')
      // A connection asks for its second part when its first is noted: no file arrives without such a request.
      if (host === 'storage' && !stop.signal.aborted && notedChunks(hash) > 0) {
        stopped = hash
        stop.abort()
      }
      return null
    })
    await expect(download({ signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled' })
    expect(notedChunks(stopped)).toBeGreaterThan(0)
    hub.setFault(undefined)
    const { snapshot, progress } = await download()
    expectWhole(snapshot)
    expect(progress[0]).toBeGreaterThanOrEqual(0)
    expect(blobs()).toHaveLength(5)
  })

  it('waits for another process and takes its result', async () => {
    await setUp()
    const [one, two] = await Promise.all([download(), download()])
    expectWhole(one.snapshot)
    expectWhole(two.snapshot)
    const ranges = hub.seen.filter(({ host }) => host === 'storage').map(({ path, range }) => path + range)
    expect(new Set(ranges).size).toBe(ranges.length)
  })

  it('takes over the lock of a process that is gone', async () => {
    await setUp()
    const locks = join(folder.path, '.locks', 'models--acme--tiny')
    mkdirSync(locks, { recursive: true })
    const listed = await listRepoFiles(
      testDownload(hub.endpoint, folder.path).client,
      { type: 'model', name: NAME },
      hub.repos.get(NAME)?.commits[0]?.id ?? '',
    )
    const gone = JSON.stringify({ pid: 2 ** 22 + 1, startedAt: 'once', since: '2026-01-01', released: false })
    for (const { id } of listed) writeFileSync(join(locks, `${id.hex}.parts.lock.1`), gone)
    expectWhole((await download()).snapshot)
  })
})

describe('a fault', () => {
  const onStorage = (fault: Fault, times = 1) => {
    let left = times
    return ({ host }: FakeRequest) => (host === 'storage' && left-- > 0 ? fault : null)
  }

  it.each<[string, Fault]>([
    ['a lost connection', { kind: 'drop', after: 5000 }],
    ['an answer that ends early', { kind: 'truncate', after: 100 }],
    ['silence', { kind: 'stall', after: 2000 }],
    ['503', { kind: 'status', status: 503 }],
    ['429 with Retry-After', { kind: 'status', status: 429, headers: { 'retry-after': '0' } }],
    ['an address that ran out', { kind: 'status', status: 403 }],
    ['a wrong byte', { kind: 'corrupt', at: 777 }],
    ['a storage without ranges', { kind: 'ignore-range' }],
    ['a wrong length', { kind: 'wrong-length' }],
  ])('%s is overcome', async (_, fault) => {
    await setUp({ fault: onStorage(fault, 2) })
    expectWhole((await download()).snapshot)
    expect(blobs()).toHaveLength(5)
  })

  it('that stays is one error, and nothing partial looks whole', async () => {
    await setUp({ fault: onStorage({ kind: 'corrupt', at: 100 }, Number.POSITIVE_INFINITY) })
    await expect(download()).rejects.toMatchObject({ code: 'bad-file', message: expect.stringContaining('SHA-256') })
    expect(blobs().filter((name) => name.length === 64)).toEqual([])
    hub.setFault(onStorage({ kind: 'status', status: 500 }, Number.POSITIVE_INFINITY))
    await expect(download()).rejects.toMatchObject({ code: 'network' })
    hub.setFault(undefined)
    expectWhole((await download()).snapshot)
  })

  it('of the storage without ranges altogether is overcome, resumed too', async () => {
    await setUp({ fault: onStorage({ kind: 'ignore-range' }, Number.POSITIVE_INFINITY) })
    expectWhole((await download()).snapshot)
  })

  it.each([
    '../evil',
    '/etc/passwd',
    'a/../../b',
    'C:\\x',
    'a\u0000b',
    'con',
    'a//b',
    '.',
    'x/..',
    'trailing. ',
    'nul.txt',
  ])('of a hostile name %j stops before anything is written', async (path) => {
    await setUp()
    hub.commit(NAME, { [path]: Buffer.from('x') })
    await expect(download()).rejects.toMatchObject({ code: 'bad-file' })
    expect(readdirSync(folder.path)).toEqual([])
  })

  it('of two names that are one on some disks stops it too', async () => {
    await setUp()
    hub.commit(NAME, { 'Config.json': Buffer.from('x') })
    await expect(download()).rejects.toMatchObject({ code: 'bad-file' })
  })
})

describe('refusals', () => {
  it('of gated and private repositories say the page and the right that is missing', async () => {
    await setUp({ accounts: { hf_other12345: { name: 'other' }, hf_fine123456: { name: 'fine', accepted: [NAME] } } })
    const repo = hub.repos.get(NAME)
    if (repo) repo.gated = 'manual'
    await expect(download()).rejects.toMatchObject({
      code: 'access-denied',
      message: expect.stringContaining(`${hub.endpoint}/${NAME}, then sign in`),
    })
    await expect(download({ token: 'hf_other12345' })).rejects.toMatchObject({
      code: 'access-denied',
      message: expect.stringContaining('accept its conditions'),
    })
    expectWhole((await download({ token: 'hf_fine123456' })).snapshot)
    if (repo) repo.private = true
    await expect(download({ token: 'hf_other12345' })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('Read access to contents'),
    })
    await expect(download({ token: 'hf_unknown123' })).rejects.toMatchObject({
      code: 'access-denied',
      message: expect.stringContaining('does not know this token'),
    })
  })

  it('of everything when offline', async () => {
    await setUp()
    await expect(download({ offline: true })).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('HF_HUB_OFFLINE'),
    })
  })
})

it('lists a large tree over its pages', async () => {
  await setUp({ treePage: 2 })
  expectWhole((await download()).snapshot)
  expect(hub.seen.filter(({ path }) => path.includes('/tree/'))).toHaveLength(3)
  expect(statSync(folder.path).isDirectory()).toBe(true)
})
