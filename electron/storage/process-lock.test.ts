import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openJsonStore } from './json-store.ts'
import { type HeldLock, tryLock, withLock } from './process-lock.ts'

const countsSchema = z.object({ sum: z.number() }).catchall(z.number())

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hqq-lock-'))
  path = join(folder, 'deep', '.lock')
})
afterEach(() => rm(folder, { recursive: true }))

async function held(): Promise<HeldLock> {
  const lock = await tryLock(path)
  if (!('release' in lock)) throw new Error(`held by ${lock.heldBy.pid}`)
  return lock
}

/** Leaves what another process would have left. */
async function leave(holder: object, generation: number): Promise<void> {
  await writeFile(join(folder, `.lock.${generation}`), JSON.stringify({ since: '', released: false, ...holder }))
  path = join(folder, '.lock')
}

describe('a lock between processes', () => {
  it('has one holder, who is named, until it is given back', async () => {
    const first = await held()
    expect(await tryLock(path)).toMatchObject({ heldBy: { pid: process.pid } })
    await first.release()
    const second = await held()
    expect(await tryLock(path)).toHaveProperty('heldBy')
    await second.release()
    expect(await readdir(join(folder, 'deep'))).toEqual(['.lock.2'])
  })

  it('is taken over from a process that has died', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    await leave({ pid, startedAt: null }, 7)
    const lock = await held()
    expect(await readdir(folder)).toEqual(['.lock.8'])
    await lock.release()
  })

  it.runIf(process.platform === 'linux')('is taken over when another process has the id by now', async () => {
    await leave({ pid: process.pid, startedAt: 'an earlier boot:1' }, 1)
    await (await held()).release()
  })

  it('does not go to a process that may not be signalled', async () => {
    // Process 1 is there on every system that has one; for a person it is not theirs to signal.
    await leave({ pid: process.platform === 'win32' ? process.pid : 1, startedAt: null }, 1)
    expect(await tryLock(path)).toHaveProperty('heldBy')
  })

  it('is taken over when its file was cut off by a crash', async () => {
    await leave({}, 3)
    await writeFile(join(folder, '.lock.3'), '{"pid": 1')
    await utimes(join(folder, '.lock.3'), 0, 0)
    await (await held()).release()
  })

  it('goes to exactly one of many that find the same dead holder', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    await leave({ pid, startedAt: null }, 1)
    const locks = await Promise.all(Array.from({ length: 20 }, () => tryLock(path)))
    expect(locks.filter((lock) => 'release' in lock)).toHaveLength(1)
  })

  it('keeps work apart', async () => {
    let inside = 0
    let most = 0
    const work = async () => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise((done) => setTimeout(done, 1))
      inside -= 1
    }
    await Promise.all(Array.from({ length: 10 }, () => withLock(path, work)))
    expect(most).toBe(1)
    await expect(withLock(path, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    await (await held()).release()
  })
})

describe('a store that two processes write at the same time', () => {
  it('loses no update', async () => {
    const file = join(folder, 'counts.json')
    const script = resolve(import.meta.dirname, 'testing/counting-process.ts')
    const times = 60
    const children = ['a', 'b'].map((name) => fork(script, [file, name, String(times)], { stdio: 'inherit' }))
    await Promise.all(children.map((child) => once(child, 'message')))
    for (const child of children) child.send('go')
    const own = await openJsonStore({ path: file, schema: countsSchema, fallback: () => ({ sum: 0 }) })
    for (let n = 1; n <= times; n++) await own.update((counts) => ({ ...counts, own: n, sum: counts.sum + 1 }))
    await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')))
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ a: times, b: times, own: times, sum: 3 * times })
  })
})
