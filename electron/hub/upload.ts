/** Files to a repository: those that are there already with the same content are left out, large ones each in a commit of its own. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { createRepo, uploadFiles } from '@huggingface/hub'
import { AppError } from '../contract/errors.ts'
import { asFetch } from './as-fetch.ts'
import type { RepoFile } from './file-source.ts'
import type { HubClient, RepoName } from './hub-client.ts'
import { isMissing, listRepoFiles, readRepoInfo } from './repo-info.ts'
import type { RetryPolicy } from './retry.ts'

export interface LocalFile {
  /** In the repository. */
  readonly path: string
  readonly bytes: number
  readonly content: { readonly file: string } | { readonly text: string }
}

export type FileState = 'new' | 'changed' | 'same'

export interface RemoteState {
  readonly exists: boolean
  readonly private: boolean
  readonly files: readonly RepoFile[]
}

/** Of a repository that is not there: no files. */
export async function readRemoteState(client: HubClient, repo: RepoName, signal?: AbortSignal): Promise<RemoteState> {
  try {
    const info = await readRepoInfo(client, repo, 'main', signal)
    return {
      exists: true,
      private: info.raw.private === true,
      files: await listRepoFiles(client, repo, info.commit, signal),
    }
  } catch (error) {
    if (isMissing(error)) return { exists: false, private: false, files: [] }
    throw error
  }
}

/** What an upload would do to a file. */
export async function stateOf(local: LocalFile, remote: RemoteState, signal?: AbortSignal): Promise<FileState> {
  const known = remote.files.find(({ path }) => path === local.path)
  if (known === undefined) return 'new'
  if (known.bytes !== local.bytes) return 'changed'
  const hash = createHash(known.id.kind === 'sha256' ? 'sha256' : 'sha1')
  if (known.id.kind === 'git-sha1') hash.update(`blob ${local.bytes}\0`)
  if ('text' in local.content) hash.update(local.content.text)
  else
    for await (const part of createReadStream(local.content.file, { highWaterMark: 2 ** 20, signal })) hash.update(part)
  return hash.digest('hex') === known.id.hex ? 'same' : 'changed'
}

export interface UploadOptions {
  client: HubClient
  repo: RepoName
  token: string
  retry: RetryPolicy
  signal: AbortSignal
  /** Bytes that left; negative when a try is begun again. */
  onSent(bytes: number): void
}

/** Throws `access-denied` when the token may not. */
export async function ensureRepo(options: UploadOptions & { private: boolean }): Promise<void> {
  const { client, repo, token, retry, signal } = options
  const fetch = asFetch(client, { token, retry, signal, subject: { repo: repo.name, page: client.pageOf(repo) } })
  try {
    await createRepo({ repo, accessToken: token, hubUrl: client.endpoint, fetch, private: options.private })
  } catch (error) {
    // Made by somebody meanwhile, or by an earlier run that was stopped.
    if (error instanceof AppError && error.data?.status === 409) return
    throw error
  }
}

/** One commit. Contents that the storage has from an earlier, interrupted try are not sent again. */
export async function commitUpload(options: UploadOptions, files: readonly LocalFile[], title: string): Promise<void> {
  const { client, repo, token, retry, signal, onSent } = options
  const subject = { repo: repo.name, page: client.pageOf(repo) }
  await uploadFiles({
    repo,
    accessToken: token,
    hubUrl: client.endpoint,
    fetch: asFetch(client, { token, retry, signal, subject, onSent }),
    abortSignal: signal,
    // The basic transfer is checked by its SHA-256 on arrival.
    useXet: false,
    commitTitle: title,
    files: files.map(({ path, content }) => ({
      path,
      content: 'file' in content ? pathToFileURL(content.file) : new Blob([content.text]),
    })),
  })
}
