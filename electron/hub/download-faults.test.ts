/** Many ways to go wrong, drawn at random from seeds that are told: each ends with the right bytes or with one clean error. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { toAppError } from '../contract/errors.ts'
import { downloadFiles } from './download.ts'
import { listRepoFiles, readRepoInfo } from './repo-info.ts'
import type { FakeRequest, Fault } from './testing/fake-faults.ts'
import { type FakeHub, startFakeHub } from './testing/fake-hub.ts'
import { noise, tempFolder, testDownload } from './testing/world.ts'

const SCHEDULES = 200
const KILLS = 50
const FILES = { 'config.json': noise(700, 1), 'a.safetensors': noise(33_001, 2), 'b.safetensors': noise(20_480, 3) }
const REPO = { type: 'model', name: 'acme/faulty' } as const

/** Runs `work` for each number from 0 on, a few at a time: most of it is waiting. */
async function sideBySide(count: number, width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

/** A small generator of numbers from 0 to 1, the same for the same seed. */
function random(seed: number): () => number {
  let state = (seed * 747796405 + 2891336453) >>> 0
  return () => {
    state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) >>> 0
    return ((state ^ (state >>> 14)) >>> 0) / 2 ** 32
  }
}

function faultFrom(draw: () => number): Fault {
  const size = Math.floor(draw() * 20_000)
  const kinds: readonly Fault[] = [
    { kind: 'drop', after: size },
    { kind: 'drop', after: 0 },
    { kind: 'truncate', after: size },
    { kind: 'corrupt', at: size },
    { kind: 'wrong-length' },
    { kind: 'ignore-range' },
    { kind: 'stall', after: size },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 503, headers: { 'retry-after': '0' } },
    { kind: 'status', status: 429, headers: { 'retry-after': '0.01' } },
    { kind: 'status', status: 403 },
    { kind: 'slow', bytesPerSecond: 400_000 },
  ]
  return kinds[Math.floor(draw() * kinds.length)] ?? { kind: 'wrong-length' }
}

/** Complete blobs whose content is not what their name says. */
function wrongBlobs(cacheDir: string, folder: string): string[] {
  const dir = join(cacheDir, folder, 'blobs')
  if (!existsSync(dir)) return []
  const names: string[] = readdirSync(dir).filter((name) => /^[0-9a-f]+$/.test(name))
  return names.filter((name) => {
    const content = readFileSync(join(dir, name))
    const hash =
      name.length === 64
        ? createHash('sha256').update(content)
        : createHash('sha1').update(`blob ${content.length}\0`).update(content)
    return hash.digest('hex') !== name
  })
}

/** Which files have a mover, by schedule: none, the larger one of the two, both. */
const MOVER_BYTES = [Number.POSITIVE_INFINITY, 25_000, 20_000]

async function download(hub: FakeHub, cacheDir: string, stallMs: number, moverBytes: number): Promise<string> {
  const deps = testDownload(hub.endpoint, cacheDir, { stallMs, moverBytes })
  const { commit } = await readRepoInfo(deps.client, REPO, 'main')
  const files = await listRepoFiles(deps.client, REPO, commit)
  const signal = new AbortController().signal
  return downloadFiles(deps, { repo: REPO, revision: 'main', commit, files, signal, onProgress() {} })
}

describe(`${SCHEDULES} schedules of faults`, () => {
  it('end with the right bytes, or with one error after which the next try has them', {
    timeout: 900_000,
  }, async () => {
    let failed = 0
    await sideBySide(SCHEDULES, 8, async (seed) => {
      const hub = await startFakeHub({ treePage: 2 })
      hub.add(REPO.name, FILES)
      const draw = random(seed + 1)
      const share = draw() * 0.7
      const moverBytes = MOVER_BYTES[seed % MOVER_BYTES.length] ?? 0
      const folder = tempFolder()
      hub.setFault((request: FakeRequest) => {
        const api = request.path.startsWith('/api/')
        const wrong = draw() < share ? faultFrom(draw) : null
        return api && wrong?.kind !== 'status' ? null : wrong
      })
      const outcome = await download(hub, folder.path, 150, moverBytes).catch((thrown: unknown) => toAppError(thrown))
      if (typeof outcome !== 'string') {
        failed++
        // 403 from the Hub itself is a refusal; the rest is the network or a hash that stays wrong.
        expect(['network', 'bad-file', 'access-denied'], `seed ${seed}: ${outcome.message}`).toContain(outcome.code)
        hub.setFault(undefined)
      }
      const snapshot = typeof outcome === 'string' ? outcome : await download(hub, folder.path, 30_000, moverBytes)
      for (const [path, content] of Object.entries(FILES)) {
        expect(readFileSync(join(snapshot, path)).equals(content), `seed ${seed}: ${path}`).toBe(true)
      }
      expect(wrongBlobs(folder.path, 'models--acme--faulty'), `seed ${seed}`).toEqual([])
      folder.remove()
      await hub.close()
    })
    // The schedules are neither all harmless nor all hopeless.
    expect(failed).toBeGreaterThan(0)
    expect(failed).toBeLessThan(SCHEDULES)
  })
})

describe(`${KILLS} kills`, () => {
  const script = fileURLToPath(new URL('./testing/download-process.ts', import.meta.url))
  const NAME = 'acme/killed'
  const FOLDER = 'models--acme--killed'

  function start(hub: FakeHub, cacheDir: string) {
    const child = spawn(process.execPath, ['--no-warnings', script, hub.endpoint, cacheDir, NAME], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise<string>((resolve) => child.on('exit', (code, signal) => resolve(signal ?? `${code}`)))
    const begun = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
    return { child, begun, ended }
  }

  it('lose nothing that was whole and leave nothing that is wrong', { timeout: 900_000 }, async () => {
    const hub = await startFakeHub()
    hub.add(NAME, { 'config.json': noise(700, 4), 'model.safetensors': noise(400_001, 5) })
    // Slow enough to be killed in the middle.
    hub.setFault(({ host }) => (host === 'storage' ? { kind: 'slow', bytesPerSecond: 200_000 } : null))
    const draw = random(7)
    let killed = 0
    await sideBySide(4, 4, async () => {
      const folder = tempFolder()
      while (killed < KILLS) {
        const { child, begun, ended } = start(hub, folder.path)
        await Promise.race([begun, ended])
        await delay(draw() * 300)
        child.kill('SIGKILL')
        if ((await ended) === 'SIGKILL') killed++
        expect(wrongBlobs(folder.path, FOLDER)).toEqual([])
        const blobs = join(folder.path, FOLDER, 'blobs')
        if (existsSync(blobs) && readdirSync(blobs).some((name) => name.length === 64))
          rmSync(join(folder.path, FOLDER), { recursive: true })
      }
      expect(await start(hub, folder.path).ended).toBe('0')
      expect(wrongBlobs(folder.path, FOLDER)).toEqual([])
      const left: string[] = readdirSync(join(folder.path, FOLDER, 'blobs'))
      expect(left.filter((name) => !/^[0-9a-f]{40,64}$/.test(name))).toEqual([])
      folder.remove()
    })
    await hub.close()
  })
})
