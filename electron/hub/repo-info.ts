/** What a repository holds at one commit: its files with their sizes and hashes, and what the Hub knows about it. */
import { listFiles } from '@huggingface/hub'
import { z } from 'zod'
import { AppError } from '../contract/errors.ts'
import { asFetch } from './as-fetch.ts'
import { contentId, isSha256 } from './content-hash.ts'
import type { RepoFile } from './file-source.ts'
import type { HubClient, RepoName } from './hub-client.ts'
import { checkDistinct, checkFilePath, checkRepoName, checkRevision, isCommit } from './path-names.ts'
import { Transient } from './retry.ts'

export interface RepoInfo {
  readonly repo: RepoName
  readonly revision: string
  readonly commit: string
  readonly raw: Readonly<Record<string, unknown>>
}

const infoSchema = z.looseObject({ sha: z.string().refine(isCommit) })

/** Most files that are listed: more is no model. */
const MAX_FILES = 100_000

/** Throws `not-found`, `access-denied`, `network`, and `bad-file` for an answer that makes no sense. */
export async function readRepoInfo(
  client: HubClient,
  repo: RepoName,
  revision: string,
  signal?: AbortSignal,
): Promise<RepoInfo> {
  checkRepoName(repo.name)
  checkRevision(revision)
  const subject = { repo: repo.name, page: client.pageOf(repo) }
  const url = `${client.endpoint}/api/${repo.type}s/${repo.name}/revision/${encodeURIComponent(revision)}`
  const { value } = await client.json(url, { subject, signal })
  const parsed = infoSchema.safeParse(value)
  if (!parsed.success) throw new AppError('bad-file', `The Hub does not say which commit ${repo.name} is at.`)
  return { repo, revision, commit: parsed.data.sha, raw: parsed.data }
}

/** All files of a commit. Throws `bad-file` for a name or a hash that cannot be trusted. */
export async function listRepoFiles(
  client: HubClient,
  repo: RepoName,
  commit: string,
  signal?: AbortSignal,
): Promise<RepoFile[]> {
  const files: RepoFile[] = []
  const subject = { repo: repo.name, page: client.pageOf(repo) }
  const fetch = asFetch(client, { subject, signal })
  const options = { repo, recursive: true, revision: commit, hubUrl: client.endpoint, fetch }
  for await (const entry of listFiles(options)) {
    if (entry.type !== 'file') continue
    if (files.length >= MAX_FILES) throw new AppError('bad-file', `${repo.name} lists more than ${MAX_FILES} files.`)
    files.push(toFile(entry))
  }
  checkDistinct(files.map((file) => file.path))
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function toFile(entry: { path: string; size: number; oid?: string; lfs?: { oid: string; size: number } }): RepoFile {
  const path = checkFilePath(entry.path)
  const hex = (entry.lfs?.oid ?? entry.oid ?? '').replace(/^sha256:/, '')
  const bytes = entry.lfs?.size ?? entry.size
  if (!(isSha256(hex) || isCommit(hex)) || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw new AppError('bad-file', `The Hub lists ${path} without a hash or a size that can be checked.`)
  }
  return { path, bytes, id: contentId(hex) }
}

/** For callers that treat a repository that is not there as an answer. */
export function isMissing(error: unknown): boolean {
  return error instanceof AppError && error.code === 'not-found' && !(error.cause instanceof Transient)
}
