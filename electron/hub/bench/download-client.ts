/** Downloads one repository as the app does, and prints the seconds it took: ENDPOINT CACHE_DIR NAME. */
import { downloadFiles } from '../download.ts'
import { DEFAULT_TUNING } from '../fetch-file.ts'
import { listRepoFiles, readRepoInfo } from '../repo-info.ts'
import { testDownload } from '../testing/world.ts'

const [endpoint = '', cacheDir = '', name = ''] = process.argv.slice(2)
/** The thread as it ships. */
const moverScript = new URL('../../../out/mover.js', import.meta.url)
const deps = { ...testDownload(endpoint, cacheDir), tuning: DEFAULT_TUNING, moverScript }
const repo = { type: 'model', name } as const
const { commit } = await readRepoInfo(deps.client, repo, 'main')
const files = await listRepoFiles(deps.client, repo, commit)
const begin = process.hrtime.bigint()
await downloadFiles(deps, {
  repo,
  revision: 'main',
  commit,
  files,
  signal: new AbortController().signal,
  onProgress() {},
})
process.stdout.write(`${Number(process.hrtime.bigint() - begin) / 1e9}\n`)
process.exit(0)
