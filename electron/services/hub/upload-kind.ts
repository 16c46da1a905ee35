/** A quantized model to the Hub as a job: resumed by file, after a plan that can be looked at without doing it. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../contract/errors.ts'
import type { UploadPlan } from '../../contract/hub.ts'
import type { UploadRequest } from '../../contract/hub-requests.ts'
import { checkRepoName } from '../../hub/path-names.ts'
import { readRepoInfo } from '../../hub/repo-info.ts'
import { described } from '../../hub/search.ts'
import {
  commitUpload,
  ensureRepo,
  type FileState,
  type LocalFile,
  type RemoteState,
  readRemoteState,
  stateOf,
  type UploadOptions,
} from '../../hub/upload.ts'
import { formatDisk } from '../../plan/units.ts'
import type { JobKind } from '../job-kind.ts'
import type { Measurements } from '../measurements.ts'
import type { Models } from '../models.ts'
import { readProvenance } from '../provenance.ts'
import { modelRepo } from './download-kind.ts'
import type { Hub } from './hub.ts'
import { type CardFacts, modelCard } from './model-card.ts'
import { parseHubSource } from './source-name.ts'

export interface UploadKindDeps {
  hub: Hub
  models: Models
  measurements: Measurements
}

export interface Uploads {
  kind: JobKind<UploadRequest>
  /** What an upload would do, without doing it. */
  plan(request: UploadRequest, signal?: AbortSignal): Promise<UploadPlan>
}

interface Prepared {
  plan: UploadPlan
  remote: RemoteState
  files: (LocalFile & { state: FileState })[]
}

/** From this size on a file gets a commit of its own, so that an interrupted upload goes on with the next. */
const OWN_COMMIT_BYTES = 10_000_000
const CARD = 'README.md'

export function createUploads({ hub, models, measurements }: UploadKindDeps): Uploads {
  async function prepare({ modelId, repo: name, ...wish }: UploadRequest, signal?: AbortSignal): Promise<Prepared> {
    const repo = modelRepo(checkRepoName(name))
    if (!name.includes('/')) throw new AppError('bad-input', 'Name the repository with its owner: owner/name.')
    const entry = await models.find(modelId)
    const card = modelCard(await factsOf(modelId, name, signal))
    const local = [
      ...(await filesOf(entry.path)),
      { path: CARD, bytes: Buffer.byteLength(card), content: { text: card } },
    ]
    const remote = await readRemoteState(hub.client, repo, signal)
    const files = await Promise.all(
      local.map(async (file) => ({ ...file, state: await stateOf(file, remote, signal) })),
    )
    const changed = files.filter(({ state }) => state !== 'same')
    const plan: UploadPlan = {
      repo: name,
      page: hub.client.pageOf(repo),
      exists: remote.exists,
      private: remote.exists ? remote.private : wish.private,
      files: files.map(({ path, bytes, state }) => ({ path, bytes, state })),
      bytes: changed.reduce((sum, { bytes }) => sum + bytes, 0),
      card,
    }
    return { plan, remote, files }
  }

  async function factsOf(modelId: string, repo: string, signal?: AbortSignal): Promise<CardFacts> {
    const summary = await models.summary(modelId)
    const provenance = await readProvenance(summary.path)
    if (provenance === null || summary.quantization === null) {
      throw new AppError(
        'bad-input',
        "Only models that were quantized here are uploaded: the others are not this app's to publish.",
      )
    }
    const { measurements: measured } = await measurements.of(modelId)
    const source = parseHubSource(provenance.source.path)
    return {
      repo,
      title: summary.name,
      label: summary.quantization.label,
      bitsPerWeight: summary.quantization.bitsPerWeight,
      fileBytes: summary.fileBytes,
      parameters: summary.parameters,
      base: source === null ? null : { ...source, licence: await licenceOf(source.name, signal) },
      provenance,
      measurements: measured,
    }
  }

  /** The licence of the original holds for what is made from it; not knowing it is no reason to stop. */
  async function licenceOf(name: string, signal?: AbortSignal): Promise<string | null> {
    const info = await readRepoInfo(hub.client, modelRepo(name), 'main', signal).catch(() => null)
    return described(info?.raw)?.licence ?? null
  }

  return {
    plan: async (request, signal) => (await prepare(request, signal)).plan,
    kind: {
      lane: 'network',
      title: async ({ modelId, repo }) => `Upload ${(await models.find(modelId)).name} to ${repo}`,
      inputKey: ({ modelId, repo }) => JSON.stringify([modelId, repo]),
      async run(request, context) {
        const { signal } = context
        context.progress({ phase: 'prepare', done: 0, total: 1, unit: 'steps', detail: 'comparing with what is there' })
        const token = await hub.requireToken()
        const { plan, files } = await prepare(request, signal)
        const waiting = files.filter(({ state }) => state !== 'same')
        if (waiting.length < files.length) context.log(`${files.length - waiting.length} files are there already.`)
        let sent = 0
        let done = 0
        const tell = (detail: string) =>
          context.progress({
            phase: 'upload',
            done,
            total: waiting.length,
            unit: 'files',
            bytes: { done: Math.min(sent, plan.bytes), total: plan.bytes },
            detail,
            checkpoint: `${done} of ${waiting.length} files are on the Hub`,
          })
        let current = ''
        const options: UploadOptions = {
          client: hub.client,
          repo: modelRepo(request.repo),
          token,
          retry: hub.tuning.retry,
          signal,
          onSent(bytes) {
            sent += bytes
            tell(current)
          },
        }
        if (!plan.exists) {
          await ensureRepo({ ...options, private: request.private })
          context.log(`${plan.page} was made, ${request.private ? 'private' : 'public'}.`)
        }
        for (const group of commitsOf(waiting)) {
          current = group.map(({ path }) => path).join(', ')
          const before = sent
          tell(current)
          await commitUpload(
            options,
            group,
            `Upload ${group.length === 1 ? group[0]?.path : 'configuration and model card'}`,
          )
          // Texts travel inside the commit, and what the storage knew did not travel at all.
          sent = before + group.reduce((sum, { bytes }) => sum + bytes, 0)
          done += group.length
          tell(current)
        }
        context.log(`${formatDisk(plan.bytes)} were uploaded. It is at ${plan.page}.`)
        return { resultModelId: request.modelId }
      },
      saved: async () => ({ text: 'Files that are on the Hub are not sent again.', resumable: true }),
      discard: async () => {},
    },
  }
}

/** Each large file by itself, then all small ones together, so that the card comes last. */
function commitsOf<T extends LocalFile>(files: readonly T[]): T[][] {
  const large = files.filter(({ bytes }) => bytes >= OWN_COMMIT_BYTES)
  const small = files.filter(({ bytes }) => bytes < OWN_COMMIT_BYTES)
  return [...large.map((file) => [file]), ...(small.length === 0 ? [] : [small])]
}

async function filesOf(dir: string): Promise<LocalFile[]> {
  const names: string[] = await readdir(dir)
  const files: LocalFile[] = []
  for (const name of names.sort()) {
    const file = join(dir, name)
    const info = await stat(file)
    if (info.isFile() && !name.startsWith('.') && name !== CARD)
      files.push({ path: name, bytes: info.size, content: { file } })
  }
  return files
}
