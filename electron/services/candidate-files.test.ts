import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createCandidateFiles } from './candidate-files.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hqq-candidates-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function file(name: string, bytes: number, usedAt: number): Promise<void> {
  await writeFile(join(dir, name), Buffer.alloc(bytes))
  await utimes(join(dir, name), usedAt, usedAt)
}

it('counts what is kept, and deletes what was used longest ago once it is too much', async () => {
  await file('old', 400, 1000)
  await file('new', 300, 3000)
  await file('middle', 300, 2000)
  const kept = createCandidateFiles(dir, () => 700)
  expect(await kept.usage()).toEqual({ bytes: 1000, files: 3 })
  await kept.trim()
  expect(await kept.usage()).toEqual({ bytes: 600, files: 2 })
  await kept.trim()
  expect(await kept.usage()).toEqual({ bytes: 600, files: 2 })
  await kept.clear()
  expect(await kept.usage()).toEqual({ bytes: 0, files: 0 })
})

it('has nothing where no folder is', async () => {
  const none = createCandidateFiles(join(dir, 'absent'), () => 0)
  expect(await none.usage()).toEqual({ bytes: 0, files: 0 })
  await none.trim()
})
