import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Follower } from '../hash-follower.ts'
import { noise, THREADS, tempFolder } from '../testing/world.ts'
import { startHasher } from './hasher.ts'

const CONTENT = noise(100_000, 1)
const CHUNK = 4096
const CHUNKS = Array.from({ length: Math.ceil(CONTENT.length / CHUNK) }, (_, index) => index)

let folder: ReturnType<typeof tempFolder>
let file: FileHandle
let hasher: Follower
beforeEach(async () => {
  folder = tempFolder()
  file = await open(join(folder.path, 'data'), 'w+')
})
afterEach(async () => {
  await hasher.close()
  await file.close()
  folder.remove()
})

function start(stored: readonly number[] = []): void {
  const id = { kind: 'sha256', hex: createHash('sha256').update(CONTENT).digest('hex') } as const
  hasher = startHasher(THREADS, {
    ...{ work: 'hash', fd: file.fd, id, stored },
    ...{ bytes: CONTENT.length, chunkBytes: CHUNK },
  })
}

async function store(chunk: number): Promise<void> {
  await file.write(CONTENT.subarray(chunk * CHUNK, (chunk + 1) * CHUNK), 0, null, chunk * CHUNK)
  hasher.stored(chunk)
}

it('follows chunks in any order', async () => {
  start()
  const [first = 0, ...others] = CHUNKS
  for (const chunk of others.reverse()) await store(chunk)
  await store(first)
  expect(await hasher.finish()).toBe(true)
})

it('goes on from chunks that are there', async () => {
  await file.write(CONTENT.subarray(0, 3 * CHUNK))
  start([0, 1, 2])
  for (const chunk of CHUNKS.slice(3)) await store(chunk)
  expect(await hasher.finish()).toBe(true)
})

it('says that a byte is wrong, that chunks are missing, and that the file is short', async () => {
  await file.write(CONTENT)
  await file.write(Buffer.from([~(CONTENT[5000] ?? 0) & 255]), 0, 1, 5000)
  start(CHUNKS)
  expect(await hasher.finish()).toBe(false)
  await hasher.close()
  start(CHUNKS.slice(0, -1))
  expect(await hasher.finish()).toBe(false)
  await hasher.close()
  await file.truncate(9000)
  start(CHUNKS)
  expect(await hasher.finish()).toBe(false)
})

it('fails with its thread', async () => {
  start()
  await hasher.close()
  await expect(hasher.finish()).rejects.toMatchObject({ code: 'internal' })
})
