import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { toWriteError, writeAtomically } from './atomic-write.ts'
import { openJsonStore } from './json-store.ts'
import { openLogFile } from './log-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hqq-storage-'))
})
afterEach(() => rm(folder, { recursive: true }))

const systemError = (code: string) => Object.assign(new Error(`${code}: failed`), { code })

describe('writeAtomically', () => {
  it('replaces a file and leaves nothing beside it', async () => {
    const path = join(folder, 'deep', 'file.txt')
    await writeAtomically(path, 'one')
    await writeAtomically(path, 'two')
    expect(await readFile(path, 'utf8')).toBe('two')
    expect(await readdir(join(folder, 'deep'))).toEqual(['file.txt'])
  })

  it('keeps the old file and cleans up when it fails', async () => {
    const path = join(folder, 'file.txt')
    await writeAtomically(path, 'old')
    // A folder in the way of the new name cannot be replaced by a file.
    await expect(writeAtomically(folder, 'new')).rejects.toMatchObject({ code: 'io' })
    expect(await readFile(path, 'utf8')).toBe('old')
  })

  it.each([
    ['ENOSPC', 'disk-full'],
    ['EDQUOT', 'disk-full'],
    ['EACCES', 'not-writable'],
    ['EROFS', 'not-writable'],
    ['EIO', 'io'],
  ])('names the cause %s as %s', (code, expected) => {
    expect(toWriteError(systemError(code), '/some/file')).toMatchObject({ code: expected })
  })
})

describe('json store', () => {
  const schema = z.object({ count: z.number(), name: z.string().default('unnamed') })
  const fallback = () => ({ count: 0, name: 'new' })
  const open = (onCorrupt?: (keptAs: string) => void) =>
    openJsonStore({ path: join(folder, 'store.json'), schema, fallback, ...(onCorrupt && { onCorrupt }) })

  it('starts with the fallback and survives a restart', async () => {
    const store = await open()
    expect(store.get()).toEqual({ count: 0, name: 'new' })
    await store.set({ count: 3, name: 'three' })
    expect((await open()).get()).toEqual({ count: 3, name: 'three' })
  })

  it('fills in defaults that older files lack', async () => {
    await writeFile(join(folder, 'store.json'), '{"count": 1}')
    expect((await open()).get()).toEqual({ count: 1, name: 'unnamed' })
  })

  it.each(['{"count": 1', '{"count": "one"}', ''])('keeps a corrupted file (%s) aside', async (text) => {
    await writeFile(join(folder, 'store.json'), text)
    const reported: string[] = []
    const store = await open((keptAs) => reported.push(keptAs))
    expect(store.get()).toEqual({ count: 0, name: 'new' })
    expect(reported).toHaveLength(1)
    expect(await readFile(reported[0] ?? '', 'utf8')).toBe(text)
    expect(reported[0]).toMatch(/store\.json\.corrupt-\d+$/)
  })

  it('writes in order, the last value last', async () => {
    const store = await open()
    const writes = Array.from({ length: 20 }, (_, count) => store.set({ count, name: 'n' }))
    expect(store.get().count).toBe(19)
    await Promise.all(writes)
    expect((await open()).get().count).toBe(19)
  })

  it('goes on after a failed write', async () => {
    const store = await open()
    await rm(folder, { recursive: true })
    await writeFile(folder, 'a file in the place of the folder')
    await expect(store.set({ count: 1, name: 'n' })).rejects.toMatchObject({ code: 'io' })
    await rm(folder)
    await expect(store.set({ count: 2, name: 'n' })).resolves.toBeUndefined()
  })

  it('does not take an unreadable file for an absent one', async () => {
    await mkdir(join(folder, 'store.json'))
    await expect(open()).rejects.toMatchObject({ code: 'io' })
  })
})

describe('log file', () => {
  it('adds lines with a time and puts a large file aside', async () => {
    const log = openLogFile(folder)
    log.write('first')
    await log.close()
    expect(await readFile(log.path, 'utf8')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z first\n$/)
    await writeFile(log.path, 'x'.repeat(5_000_001))
    const next = openLogFile(folder)
    next.write('second')
    await next.close()
    expect(await readFile(next.path, 'utf8')).toContain('second')
    expect((await readdir(join(folder, 'logs'))).sort()).toEqual(['hqq-studio.log', 'hqq-studio.log.1'])
  })
})
