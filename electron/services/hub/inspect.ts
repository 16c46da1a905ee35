/** One model on the Hub, known well enough to price plans for it, from a few hundred kilobytes. */
import { z } from 'zod'
import type { ModelConfigSummary } from '../../contract/domain.ts'
import { AppError, toAppError } from '../../contract/errors.ts'
import type { HubModelDetail } from '../../contract/hub.ts'
import { hasBlob, repoFolder } from '../../hub/cache-layout.ts'
import type { FreeBytes } from '../../hub/disk-space.ts'
import { type RepoFile, resolveUrl } from '../../hub/file-source.ts'
import { quantFormatOf } from '../../hub/formats.ts'
import type { HubClient, RepoName } from '../../hub/hub-client.ts'
import { type RemoteHeader, readRemoteHeaders } from '../../hub/remote-safetensors.ts'
import { listRepoFiles, readRepoInfo } from '../../hub/repo-info.ts'
import type { RetryPolicy } from '../../hub/retry.ts'
import { type DescribedModel, described } from '../../hub/search.ts'
import { isNeeded } from '../../hub/select-files.ts'
import type { MachineInfo } from '../machine.ts'
import { type ModelConfig, parseModelConfig, type RawConfig } from '../model-config.ts'
import { modelFacts } from '../model-facts.ts'
import { judged } from './search-models.ts'

export interface InspectDeps {
  client: HubClient
  machine: MachineInfo
  cacheDir: string
  freeBytes: FreeBytes
  retry: RetryPolicy
  floorBytes: number
}

/** What is read of a model before anything is fetched. */
export interface RemoteModel {
  commit: string
  files: RepoFile[]
  raw: RawConfig
  config: ModelConfig
  headers: RemoteHeader[]
}

const MAX_SMALL_BYTES = 4 * 2 ** 20

/** Throws `not-found`, `network`, `bad-file`; what stands against reading the files is in `problem`. */
export async function inspectHubModel(
  deps: InspectDeps,
  repo: RepoName,
  revision: string,
  signal: AbortSignal,
): Promise<HubModelDetail> {
  const { client, cacheDir, machine, floorBytes } = deps
  let fetchedBytes = 0
  const onFetched = (bytes: number) => {
    fetchedBytes += bytes
  }
  const info = await readRepoInfo(client, repo, revision, signal)
  const files = await listRepoFiles(client, repo, info.commit, signal)
  const [remote, card, memory] = await Promise.all([
    readRemoteModel({ ...deps, repo, commit: info.commit, files, signal, onFetched }).catch(asProblem),
    readCard(client, repo, info.commit, files, signal),
    machine.machine().catch(() => null),
  ])
  fetchedBytes += card?.length ?? 0
  const read = remote instanceof AppError ? null : remote
  const model = judged(withConfig(described(info.raw) ?? unknown(repo.name), read, files), memory)
  const folder = repoFolder(cacheDir, repo)
  const listed = await Promise.all(
    files.map(async ({ path, bytes, id }) => ({
      path,
      bytes,
      needed: isNeeded(path),
      cached: await hasBlob(folder, id, bytes),
    })),
  )
  const needed = listed.filter((file) => file.needed)
  return {
    model,
    page: client.pageOf(repo),
    revision,
    commit: info.commit,
    files: listed,
    downloadBytes: total(needed),
    missingBytes: total(needed.filter((file) => !file.cached)),
    freeBytes: await deps.freeBytes(cacheDir),
    floorBytes,
    plan: read === null ? null : planOf(read),
    problem: remote instanceof AppError ? remote.toShape() : (quantizeProblemOf(read?.config)?.toShape() ?? null),
    runProblem: read?.config.problem?.toShape() ?? null,
    fetchedBytes,
    card,
  }
}

/** What speaks against quantizing: an architecture that cannot be run is no hindrance. */
export function quantizeProblemOf(config: Pick<ModelConfig, 'problem'> | undefined): AppError | null {
  const problem = config?.problem ?? null
  return problem?.code === 'unsupported' ? null : problem
}

/** config.json and the headers of the weights. Throws AppError. */
export async function readRemoteModel(options: {
  client: HubClient
  repo: RepoName
  commit: string
  files: RepoFile[]
  retry: RetryPolicy
  signal: AbortSignal
  onFetched(bytes: number): void
}): Promise<RemoteModel> {
  const { client, repo, commit, files, signal, onFetched } = options
  const subject = { repo: repo.name, page: client.pageOf(repo) }
  const readJson = async (path: string): Promise<RawConfig> => {
    const bytes = await client.bytes(resolveUrl(client.endpoint, repo, commit, path), MAX_SMALL_BYTES, {
      signal,
      subject,
    })
    onFetched(bytes.length)
    try {
      return z.record(z.string(), z.unknown()).parse(JSON.parse(new TextDecoder().decode(bytes)))
    } catch (cause) {
      throw new AppError('bad-file', `${path} of ${repo.name} is not a JSON object.`, undefined, { cause })
    }
  }
  const weights = files.filter(({ path }) => path.endsWith('.safetensors') && isNeeded(path))
  if (!files.some(({ path }) => path === 'config.json')) {
    throw new AppError('unsupported', `${repo.name} has no config.json, so it cannot be quantized or run here.`)
  }
  const raw = await readJson('config.json')
  if (weights.length === 0) throw new AppError('unsupported', noSafetensors(files))
  const index = files.find(({ path }) => path === 'model.safetensors.index.json')
  const counts = index === undefined ? new Map<string, number>() : countsOf(await readJson(index.path))
  // An index names the files that belong together; others in the folder are other versions.
  const used = counts.size === 0 ? weights : weights.filter(({ path }) => counts.has(path))
  const headers = await readRemoteHeaders({ ...options, files: used, tensorCounts: counts })
  return { commit, files, raw, config: parseModelConfig(raw, `config.json of ${repo.name}`), headers }
}

function countsOf(index: RawConfig): Map<string, number> {
  const map = z.record(z.string(), z.string()).safeParse(index.weight_map)
  const counts = new Map<string, number>()
  for (const file of Object.values(map.data ?? {})) counts.set(file, (counts.get(file) ?? 0) + 1)
  return counts
}

function noSafetensors(files: readonly RepoFile[]): string {
  const has = (ending: string) => files.some(({ path }) => path.endsWith(ending))
  if (has('.gguf'))
    return 'It holds GGUF files, which are read by llama.cpp and not here. Look for the original it was made from.'
  if (has('.bin') || has('.pt') || has('.pth'))
    return 'It holds PyTorch files only. From the Hub, weights are read from safetensors; a folder with such files can be added.'
  return 'It holds no safetensors files.'
}

/** The plan's side of a model: what the estimates are made from. */
export function planOf({ config, headers, raw }: RemoteModel): NonNullable<HubModelDetail['plan']> {
  const facts = factsOf(headers, config.summary)
  const dtype = quantFormatOf({ tags: [], config: raw, files: [] })?.label ?? facts.dtype
  return {
    config: config.summary,
    dtype,
    parameters: facts.parameters,
    tensors: facts.tensors,
    linears: facts.linears,
    otherBytes: facts.otherBytes,
  }
}

export function factsOf(headers: readonly RemoteHeader[], config: ModelConfigSummary | null) {
  const tensors = headers.flatMap((header) => header.tensors.map(({ begin: _, end: __, ...tensor }) => tensor))
  const files = headers.map(({ file }) => ({ name: file.path, bytes: file.bytes }))
  return modelFacts({ files, tensors, quantizedLayers: [], metadata: {} }, config)
}

async function readCard(
  client: HubClient,
  repo: RepoName,
  commit: string,
  files: readonly RepoFile[],
  signal: AbortSignal,
): Promise<string | null> {
  const file = files.find(({ path }) => path === 'README.md')
  if (file === undefined || file.bytes > MAX_SMALL_BYTES) return null
  const url = resolveUrl(client.endpoint, repo, commit, file.path)
  // A card is never worth an error; the Hub gives that of a gated model to everybody.
  const bytes = await client.bytes(url, MAX_SMALL_BYTES, { signal }).catch(() => null)
  return bytes === null ? null : new TextDecoder().decode(bytes)
}

function withConfig(model: DescribedModel, remote: RemoteModel | null, files: readonly RepoFile[]): DescribedModel {
  const clues = { tags: [], config: remote?.raw ?? null, files: files.map(({ path }) => path) }
  return {
    ...model,
    architecture: remote?.config.summary?.architecture ?? model.architecture,
    parameters: model.parameters ?? (remote === null ? null : planOf(remote).parameters),
    quantized: quantFormatOf(clues) ?? (remote === null ? model.quantized : null),
  }
}

function unknown(name: string): DescribedModel {
  return {
    name,
    private: false,
    gated: 'no',
    downloads: 0,
    likes: 0,
    updatedAt: null,
    licence: null,
    architecture: null,
    task: null,
    parameters: null,
    quantized: null,
  }
}

/** What a person can act on is part of the answer; the rest is thrown. */
function asProblem(thrown: unknown): AppError {
  const error = toAppError(thrown)
  if (['access-denied', 'unsupported', 'bad-file', 'not-found'].includes(error.code)) return error
  throw error
}

function total(files: readonly { bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}
