import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { downloadFileToCacheDir, scanCacheDir } from '@huggingface/hub'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listCache, removeFromCache } from './cache-admin.ts'
import { repoFolder } from './cache-layout.ts'
import { downloadFiles } from './download.ts'
import { listRepoFiles, readRepoInfo } from './repo-info.ts'
import { type FakeHub, startFakeHub } from './testing/fake-hub.ts'
import { noise, tempFolder, testDownload } from './testing/world.ts'

const REPO = { type: 'model', name: 'acme/two' } as const
const WEIGHTS = noise(40_000, 1)
const SHARED = noise(9000, 2)

let hub: FakeHub
let folder: ReturnType<typeof tempFolder>
beforeEach(async () => {
  folder = tempFolder()
  hub = await startFakeHub()
  hub.add(REPO.name, { 'config.json': Buffer.from('{}'), 'a.safetensors': WEIGHTS, 'tokenizer.json': SHARED })
})
afterEach(async () => {
  await hub.close()
  folder.remove()
})

async function fetchAll(): Promise<string> {
  const deps = testDownload(hub.endpoint, folder.path)
  const { commit } = await readRepoInfo(deps.client, REPO, 'main')
  const files = await listRepoFiles(deps.client, REPO, commit)
  const signal = new AbortController().signal
  await downloadFiles(deps, { repo: REPO, revision: 'main', commit, files, signal, onProgress() {} })
  return commit
}

describe('the shared cache', () => {
  it("is read by the Hub's own library, without a warning", async () => {
    const commit = await fetchAll()
    const { repos, warnings } = await scanCacheDir(folder.path)
    expect(warnings).toEqual([])
    expect(repos).toMatchObject([
      { id: REPO, filesCount: 3, size: 49_002, revisions: [{ commitOid: commit, refs: ['main'] }] },
    ])
  })

  it('is used when that library has filled it', async () => {
    for (const path of ['config.json', 'a.safetensors', 'tokenizer.json']) {
      await downloadFileToCacheDir({ repo: REPO, path, cacheDir: folder.path, hubUrl: hub.endpoint })
    }
    const before = hub.seen.length
    const commit = await fetchAll()
    expect(hub.seen.slice(before).filter(({ path }) => /resolve|lfs/.test(path))).toEqual([])
    const snapshot = repoFolder(folder.path, REPO).snapshot(commit)
    expect(readFileSync(join(snapshot, 'a.safetensors')).equals(WEIGHTS)).toBe(true)
  })

  it('loses one revision and what only it needs', async () => {
    const first = await fetchAll()
    hub.commit(REPO.name, { 'a.safetensors': noise(30_000, 3) })
    const second = await fetchAll()
    expect(await listCache(folder.path)).toMatchObject([{ name: REPO.name, bytes: 79_002, revisions: [{}, {}] }])
    await removeFromCache(folder.path, REPO, first)
    expect(await listCache(folder.path)).toMatchObject([
      { bytes: 39_002, revisions: [{ commit: second, refs: ['main'] }] },
    ])
    expect((await scanCacheDir(folder.path)).warnings).toEqual([])
    await removeFromCache(folder.path, REPO, second)
    expect(existsSync(repoFolder(folder.path, REPO).path)).toBe(false)
    await expect(removeFromCache(folder.path, REPO, null)).rejects.toMatchObject({ code: 'not-found' })
  })
})
