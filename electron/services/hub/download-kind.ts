/** Fetching a model as a job: into the cache that Python shares, then into the library. */
import { stat } from 'node:fs/promises'
import { AppError } from '../../contract/errors.ts'
import type { DownloadRequest } from '../../contract/hub-requests.ts'
import { cachedCommit, repoFolder } from '../../hub/cache-layout.ts'
import { downloadFiles, missingOf } from '../../hub/download.ts'
import type { RepoFile } from '../../hub/file-source.ts'
import type { RepoName } from '../../hub/hub-client.ts'
import { listRepoFiles, readRepoInfo } from '../../hub/repo-info.ts'
import { isNeeded } from '../../hub/select-files.ts'
import { formatDisk } from '../../plan/units.ts'
import type { JobContext, JobKind } from '../job-kind.ts'
import type { Library } from '../library.ts'
import { looksLikeModel } from '../model-reader.ts'
import type { Models } from '../models.ts'
import type { Hub } from './hub.ts'

export interface DownloadKindDeps {
  hub: Hub
  library: Library
  models: Models
}

/** The request with the commit that its revision stands for now: what is fetched later is what was seen. */
export async function pinned<T extends { repo: string; revision: string; commit?: string | undefined }>(
  hub: Hub,
  request: T,
): Promise<T> {
  if (request.commit !== undefined || hub.client.offline) return request
  hub.downloads().threads.warm()
  const { commit } = await readRepoInfo(hub.client, modelRepo(request.repo), request.revision)
  return { ...request, commit }
}

export function createDownloadKind({ hub, library, models }: DownloadKindDeps): JobKind<DownloadRequest> {
  return {
    lane: 'network',
    title: async ({ repo }) => `Download ${repo}`,
    inputKey: ({ repo, commit, allFiles }) => JSON.stringify([repo, commit, allFiles]),
    async run(request, context) {
      const path = await fetchModel(hub, request, context)
      context.log(`It is in ${path}.`)
      if (!(await looksLikeModel(path))) {
        context.log('It has no config.json with safetensors beside it, so it is not in the library.')
        return { resultModelId: null }
      }
      const entry = await library.add(path, 'added')
      if (entry.name !== request.repo) await library.rename(path, request.repo)
      models.changed()
      return { resultModelId: entry.id }
    },
    async saved({ repo }) {
      const bytes = await unfinished(hub, modelRepo(repo))
      return { text: bytes === 0 ? null : `${formatDisk(bytes)} of unfinished files are kept.`, resumable: true }
    },
    // The cache belongs to all programs of this machine; the window's cache list and `cache` remove things from it.
    discard: async () => {},
  }
}

/** Everything of a model that is wanted, in the cache. Returns its folder there. */
export async function fetchModel(
  hub: Hub,
  request: Pick<DownloadRequest, 'repo' | 'revision' | 'commit' | 'allFiles'>,
  context: Pick<JobContext, 'progress' | 'log' | 'signal'>,
): Promise<string> {
  const repo = modelRepo(request.repo)
  const deps = hub.downloads()
  const { client, cacheDir } = deps
  if (client.offline) return offlineSnapshot(cacheDir, repo, request.commit ?? request.revision)
  deps.threads.warm()
  context.progress({ phase: 'list', done: 0, total: 1, unit: 'steps', detail: `files of ${repo.name}` })
  const { signal } = context
  const commit = request.commit ?? (await readRepoInfo(client, repo, request.revision, signal)).commit
  const files = wantedFiles(await listRepoFiles(client, repo, commit, signal), request.allFiles)
  const missing = await missingOf(deps, { repo, files })
  const free = await deps.freeBytes(cacheDir)
  context.log(
    `${missing.files} of ${files.length} files are to be fetched, ${formatDisk(missing.bytes)}; ${formatDisk(free)} are free, ${formatDisk(deps.floorBytes)} stay free.`,
  )
  return downloadFiles(deps, {
    repo,
    revision: request.revision,
    commit,
    files,
    signal,
    onProgress: ({ bytesDone, bytesTotal, filesDone, filesTotal, current }) =>
      context.progress({
        phase: 'download',
        done: filesDone,
        total: filesTotal,
        unit: 'files',
        bytes: { done: bytesDone, total: bytesTotal },
        detail: current,
        checkpoint: `${formatDisk(bytesDone)} of ${formatDisk(bytesTotal)} have arrived`,
      }),
    onNote: context.log,
  })
}

export function modelRepo(name: string): RepoName {
  return { type: 'model', name }
}

/** Throws `not-found` when there is nothing that this app reads. */
export function wantedFiles(files: readonly RepoFile[], all: boolean): RepoFile[] {
  const wanted = files.filter(({ path }) => all || isNeeded(path))
  if (wanted.length > 0) return wanted
  throw new AppError(
    'not-found',
    'This repository holds no files that are read here. Ask for all of its files to fetch it anyway.',
  )
}

async function offlineSnapshot(cacheDir: string, repo: RepoName, revision: string): Promise<string> {
  const folder = repoFolder(cacheDir, repo)
  const commit = await cachedCommit(folder, revision)
  if (commit !== null && (await stat(folder.snapshot(commit)).catch(() => null)) !== null)
    return folder.snapshot(commit)
  throw new AppError('network', `Offline mode is on (HF_HUB_OFFLINE) and ${repo.name} is not in the cache.`)
}

async function unfinished(hub: Hub, repo: RepoName): Promise<number> {
  const cached = await hub.cache()
  return cached.find(({ name, type }) => name === repo.name && type === repo.type)?.unfinishedBytes ?? 0
}
