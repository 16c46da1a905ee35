/**
 * Downloads one repository twice as the app does, each time into a fresh cache, and prints the seconds that each took: the first of a
 * process, and one when everything has run before. ENDPOINT CACHE_DIR NAME.
 */
import { rm } from 'node:fs/promises'
import { downloadFiles } from '../download.ts'
import { DEFAULT_TUNING } from '../fetch-file.ts'
import { createThreads } from '../mover/threads.ts'
import { listRepoFiles, readRepoInfo } from '../repo-info.ts'
import { testDownload } from '../testing/world.ts'

const [endpoint = '', cacheDir = '', name = ''] = process.argv.slice(2)
/** The threads as they ship. */
const threads = createThreads(new URL('../../../out/mover.js', import.meta.url))
const deps = { ...testDownload(endpoint, cacheDir), tuning: DEFAULT_TUNING, threads }
const repo = { type: 'model', name } as const
const first = await download()
await rm(cacheDir, { recursive: true })
process.stdout.write(`${JSON.stringify({ first, next: await download() })}\n`)
process.exit(0)

async function download(): Promise<number> {
  const begin = process.hrtime.bigint()
  threads.warm()
  const { commit } = await readRepoInfo(deps.client, repo, 'main')
  await downloadFiles(deps, {
    repo,
    revision: 'main',
    commit,
    files: await listRepoFiles(deps.client, repo, commit),
    signal: new AbortController().signal,
    onProgress() {},
  })
  return Number(process.hrtime.bigint() - begin) / 1e9
}
