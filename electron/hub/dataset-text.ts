/** One text out of a dataset on the Hub: a column of parquet rows, joined as the reference benchmark joins them. */
import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { AppError } from '../contract/errors.ts'
import { cachedCommit, repoFolder } from './cache-layout.ts'
import { type DownloadDeps, type DownloadProgress, downloadFiles } from './download.ts'
import type { RepoFile } from './file-source.ts'
import type { RepoName } from './hub-client.ts'
import { isMissing, listRepoFiles, readRepoInfo } from './repo-info.ts'

export interface DatasetPart {
  /** owner/name */
  readonly repo: string
  /** Folder of the configuration; empty where there is only one. */
  readonly config: string
  readonly split: string
  readonly column: string
}

export interface DatasetOptions {
  signal: AbortSignal
  onProgress?(progress: DownloadProgress): void
}

/** Empty rows count: they make the blank lines between paragraphs. */
const SEPARATOR = '\n\n'
/** More is no text to measure perplexity on, and would not fit in memory as one. */
const MAX_BYTES = 2 ** 30
/** Where the Hub itself puts parquet files of datasets that have none. */
const CONVERTED = 'refs/convert/parquet'

/** From the cache when it is there. Throws `not-found` when the dataset has no such part, `bad-file`, and what a download throws. */
export async function readDatasetText(deps: DownloadDeps, part: DatasetPart, options: DatasetOptions): Promise<string> {
  const repo: RepoName = { type: 'dataset', name: part.repo }
  const paths = deps.client.offline
    ? await cachedFiles(deps, repo, part)
    : await fetchedFiles(deps, repo, part, options)
  const rows: string[] = []
  for (const path of paths) rows.push(...(await columnOf(path, part.column)))
  return rows.join(SEPARATOR)
}

async function fetchedFiles(
  deps: DownloadDeps,
  repo: RepoName,
  part: DatasetPart,
  { signal, onProgress = () => {} }: DatasetOptions,
): Promise<string[]> {
  for (const revision of ['main', CONVERTED]) {
    const found = await filesAt(deps, repo, part, revision, signal)
    if (found === null) continue
    const { commit, files } = found
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
    if (total > MAX_BYTES) throw new AppError('bad-input', `${nameOf(part)} is too large to be one text.`)
    const request = { repo, revision, commit, files, signal, onProgress }
    const snapshot = await downloadFiles(deps, request)
    return files.map(({ path }) => join(snapshot, ...path.split('/')))
  }
  throw missing(part)
}

async function filesAt(
  { client }: DownloadDeps,
  repo: RepoName,
  part: DatasetPart,
  revision: string,
  signal: AbortSignal,
): Promise<{ commit: string; files: RepoFile[] } | null> {
  const info = await readRepoInfo(client, repo, revision, signal).catch((error: unknown) => {
    // That it has no converted files is no reason to complain about a revision nobody asked for.
    if (revision === CONVERTED && isMissing(error)) return null
    throw error
  })
  if (info === null) return null
  const all = await listRepoFiles(client, repo, info.commit, signal)
  const files = all.filter(({ path }) => belongsTo(path, part))
  return files.length === 0 ? null : { commit: info.commit, files }
}

async function cachedFiles({ cacheDir }: DownloadDeps, repo: RepoName, part: DatasetPart): Promise<string[]> {
  const folder = repoFolder(cacheDir, repo)
  for (const revision of ['main', CONVERTED]) {
    const commit = await cachedCommit(folder, revision)
    if (commit === null) continue
    const snapshot = folder.snapshot(commit)
    const names: string[] = await readdir(snapshot, { recursive: true }).catch(() => [])
    const paths = names.map((name) => relative(snapshot, join(snapshot, name)).split(sep).join('/')).sort()
    const wanted = paths.filter((path) => belongsTo(path, part))
    if (wanted.length > 0) return wanted.map((path) => join(snapshot, ...path.split('/')))
  }
  throw new AppError('network', `Offline mode is on (HF_HUB_OFFLINE) and ${nameOf(part)} is not in the cache.`)
}

/** `CONFIG/SPLIT-00000-of-00001.parquet`, `data/SPLIT-...`, or `CONFIG/SPLIT/0000.parquet` of converted ones. */
function belongsTo(path: string, { config, split }: DatasetPart): boolean {
  if (!path.endsWith('.parquet')) return false
  const parts = path.split('/')
  const file = parts.at(-1) ?? ''
  const folders = parts.slice(0, -1)
  if (config !== '' && !folders.includes(config)) return false
  return folders.includes(split) || file === `${split}.parquet` || file.startsWith(`${split}-`)
}

/** Throws `bad-file` for a file that is no parquet, `not-found` without the column, `bad-input` for one that holds no text. */
async function columnOf(path: string, column: string): Promise<string[]> {
  const rows = await readRows(path, column)
  return rows.map((row) => {
    const value = row[column]
    if (typeof value === 'string') return value
    if (value === null || value === undefined) return ''
    throw new AppError('bad-input', `The column ${column} of ${path} holds no text. Choose another column.`)
  })
}

async function readRows(path: string, column: string): Promise<Record<string, unknown>[]> {
  const { size } = await stat(path)
  try {
    const file = await asyncBufferFromFile(path)
    return await parquetReadObjects({ file, columns: [column], compressors })
  } catch (cause) {
    const told = cause instanceof Error ? cause.message : ''
    if (/column.*not found/i.test(told)) {
      throw new AppError('not-found', `${path} has no column ${column}.`, undefined, { cause })
    }
    throw new AppError(
      'bad-file',
      `${path} (${size} bytes) is not a parquet file that can be read: ${told}.`,
      undefined,
      { cause },
    )
  }
}

function missing(part: DatasetPart): AppError {
  return new AppError('not-found', `${nameOf(part)} has no parquet files. Check configuration and split.`)
}

export function nameOf({ repo, config, split }: DatasetPart): string {
  return [repo, config, split].filter((text) => text !== '').join(' ')
}
