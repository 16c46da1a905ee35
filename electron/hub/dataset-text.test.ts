import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readDatasetText } from './dataset-text.ts'
import { type FakeHub, startFakeHub } from './testing/fake-hub.ts'
import { tempFolder, testDownload } from './testing/world.ts'

const DATA = join(import.meta.dirname, 'testing', 'data')
const PART = { repo: 'acme/texts', config: 'raw-v1', split: 'test', column: 'text' }
const TEXT = '\n\n = A title = \n\n\n\n\nFirst paragraph, with “quotes” and 中文 .\n\n\n\n\nSecond .\n'
const idle = { signal: new AbortController().signal }

let hub: FakeHub
let folder: ReturnType<typeof tempFolder>
beforeEach(async () => {
  folder = tempFolder()
  hub = await startFakeHub()
  const snappy = readFileSync(join(DATA, 'texts.snappy.parquet'))
  const zstd = readFileSync(join(DATA, 'texts.zstd.parquet'))
  const files = {
    'raw-v1/test-00000-of-00002.parquet': snappy,
    'raw-v1/test-00001-of-00002.parquet': zstd,
    'raw-v1/train-00000-of-00001.parquet': zstd,
    'other/test-00000-of-00001.parquet': zstd,
  }
  hub.add('acme/texts', files, { type: 'dataset' })
})
afterEach(async () => {
  await hub.close()
  folder.remove()
})

it('is joined with a blank line between rows, over all files of the split', async () => {
  const text = await readDatasetText(testDownload(hub.endpoint, folder.path), PART, idle)
  expect(text).toBe(`${TEXT}\n\nThird .\n\n\n`)
  expect(existsSync(join(folder.path, 'datasets--acme--texts', 'snapshots'))).toBe(true)
  const before = hub.seen.length
  const offline = testDownload(hub.endpoint, folder.path, { offline: true })
  expect(await readDatasetText(offline, PART, idle)).toBe(text)
  expect(hub.seen).toHaveLength(before)
})

it('says what is missing', async () => {
  const deps = testDownload(hub.endpoint, folder.path)
  const read = (more: object) => readDatasetText(deps, { ...PART, ...more }, idle)
  await expect(read({ split: 'validation' })).rejects.toMatchObject({ code: 'not-found' })
  await expect(read({ repo: 'acme/none' })).rejects.toMatchObject({ code: 'not-found' })
  await expect(read({ column: 'id' })).rejects.toMatchObject({ code: expect.stringMatching(/not-found|bad-input/) })
  await expect(read({ column: 'nothing' })).rejects.toMatchObject({ code: 'not-found' })
  const offline = testDownload(hub.endpoint, join(folder.path, 'empty'), { offline: true })
  await expect(readDatasetText(offline, PART, idle)).rejects.toMatchObject({ code: 'network' })
})
