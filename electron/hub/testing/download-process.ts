/** Downloads one repository in a process of its own, which tests kill: ENDPOINT CACHE_DIR NAME. */
import { downloadFiles } from '../download.ts'
import { listRepoFiles, readRepoInfo } from '../repo-info.ts'
import { testDownload } from './world.ts'

const [endpoint = '', cacheDir = '', name = ''] = process.argv.slice(2)
const { https_proxy = '' } = process.env
const deps = testDownload(endpoint, cacheDir, { stallMs: 5000, env: { https_proxy } })
const repo = { type: 'model', name } as const
const { commit } = await readRepoInfo(deps.client, repo, 'main')
const files = await listRepoFiles(deps.client, repo, commit)
process.stdout.write('begun\n')
await downloadFiles(deps, {
  repo,
  revision: 'main',
  commit,
  files,
  signal: new AbortController().signal,
  onProgress() {},
})
process.stdout.write('done\n')
process.exit(0)
