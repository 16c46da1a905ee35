import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { contentId } from '../content-hash.ts'
import { MOVER_SCRIPT, tempFolder } from '../testing/world.ts'
import { startHasher } from './hasher.ts'
import { startMover } from './mover.ts'
import { createThreads, type Threads } from './threads.ts'

const EMPTY = contentId('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')

let folder: ReturnType<typeof tempFolder>
let file: FileHandle
let threads: Threads
beforeEach(async () => {
  folder = tempFolder()
  file = await open(join(folder.path, 'data'), 'w+')
})
afterEach(async () => {
  await threads.dispose()
  await file.close()
  folder.remove()
})

const hasher = () =>
  startHasher(threads, { work: 'hash', fd: file.fd, bytes: 0, chunkBytes: 4096, id: EMPTY, stored: [] })
const mover = () => startMover(threads, { work: 'move', fd: file.fd, bytes: 0, chunkBytes: 4096, pieceBytes: 1024 })

it('are used again, for either work', async () => {
  threads = createThreads(MOVER_SCRIPT)
  threads.warm()
  for (let round = 0; round < 3; round++) {
    const first = hasher()
    const second = mover()
    expect(await first.finish()).toBe(true)
    await Promise.all([first.close(), second.close()])
    // What was closed stays closed, whoever has the thread now.
    const third = hasher()
    await first.close()
    await expect(first.finish()).rejects.toMatchObject({ code: 'internal' })
    expect(await third.finish()).toBe(true)
    await third.close()
  }
})

it('are replaced when they fail', async () => {
  threads = createThreads(new URL('data:text/javascript,throw new Error("no thread")'))
  threads.warm()
  const failing = hasher()
  await expect(failing.finish()).rejects.toThrow('no thread')
  await failing.close()
  await threads.dispose()
  threads = createThreads(MOVER_SCRIPT)
  const working = hasher()
  expect(await working.finish()).toBe(true)
  await working.close()
})

it('end when nothing comes for long', async () => {
  threads = createThreads(MOVER_SCRIPT, 1)
  const first = hasher()
  expect(await first.finish()).toBe(true)
  await first.close()
  const next = hasher()
  expect(await next.finish()).toBe(true)
  await next.close()
})
