/** The job that makes a quantized model straight from the Hub. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeviceChoice, ModelDetail, QuantizeRequest } from '../../contract/domain.ts'
import { AppError } from '../../contract/errors.ts'
import type { DownloadQuantizeRequest } from '../../contract/hub-requests.ts'
import { listRepoFiles, readRepoInfo } from '../../hub/repo-info.ts'
import { methodInfo } from '../../plan/methods.ts'
import { formatDisk } from '../../plan/units.ts'
import type { Devices } from '../devices.ts'
import type { JobContext, JobKind } from '../job-kind.ts'
import type { Library } from '../library.ts'
import type { MachineInfo } from '../machine.ts'
import type { Models } from '../models.ts'
import { publishModel } from '../quantize-output.ts'
import type { QuantizePlan, QuantizePlanner } from '../quantize-plan.ts'
import { placeOf, type QuantizeRun, type ResultPlaces } from '../result-places.ts'
import { sha256 } from '../source-hashes.ts'
import { openStaging, stagingDirOf } from '../staging.ts'
import { planDisk } from './disk-plan.ts'
import { fetchModel, modelRepo, pinned } from './download-kind.ts'
import { type RemoteModel, readRemoteModel } from './inspect.ts'
import { remoteDetail, remoteHashes } from './remote-source.ts'
import { hubSourceName } from './source-name.ts'
import { allocatedBytes } from './staged-source.ts'
import { quantizeWhileFetching, type StreamDeps } from './stream-quantize.ts'

export interface StreamKindDeps extends StreamDeps {
  models: Models
  library: Library
  machine: MachineInfo
  planner: QuantizePlanner
  devices: Devices
  /** The one that is chosen in the settings. */
  device(): DeviceChoice
  /** Quantizing of what is on the disk. */
  quantize: JobKind<QuantizeRequest>
  places: ResultPlaces
  now(): Date
}

export interface StreamQuantizing {
  kind: JobKind<DownloadQuantizeRequest>
  /** The request with commit, name and place decided. Throws what stands against it. */
  complete(request: DownloadQuantizeRequest): Promise<DownloadQuantizeRequest>
}

export function createStreamQuantizing(deps: StreamKindDeps): StreamQuantizing {
  const { hub, models, library, planner, machine, places } = deps

  async function remoteOf(
    { repo: name, revision, commit: known }: DownloadQuantizeRequest,
    signal: AbortSignal,
  ): Promise<{ remote: RemoteModel; detail: ModelDetail }> {
    const { client, tuning } = hub
    const repo = modelRepo(name)
    hub.downloads().threads.warm()
    const commit = known ?? (await readRepoInfo(client, repo, revision, signal)).commit
    const files = await listRepoFiles(client, repo, commit, signal)
    const options = { client, repo, commit, files, retry: tuning.retry, signal, onFetched() {} }
    const remote = await readRemoteModel(options)
    return { remote, detail: remoteDetail(name, remote) }
  }

  async function make(request: DownloadQuantizeRequest, outDir: string, context: JobContext): Promise<QuantizeRun> {
    const { remote, detail } = await remoteOf(request, context.signal)
    const { config } = request
    const plan = await planner.planRemote(detail, config, outDir)
    refuseMeasuring(plan.choices)
    const engineVersion = await machine.engineVersion()
    const contents = remote.headers.map(({ file }) => [file.path, file.id.hex])
    const fingerprint = sha256(
      JSON.stringify([request.repo, contents, plan.choices, config.computeDtype, engineVersion]),
    )
    const { freeBytes, floorBytes } = hub.downloads()
    const disk = planDisk({
      outputBytes: plan.estimate.fileBytes,
      fileBytes: remote.headers.map(({ file }) => file.bytes),
      freeBytes: await freeBytes(outDir),
      floorBytes,
      presentBytes: await allocatedBytes(stagingDirOf(outDir)),
      where: outDir,
    })
    context.log(
      `Disk: ${formatDisk(disk.neededBytes)} needed, ${formatDisk(disk.outputBytes)} for the result and ${formatDisk(disk.stagedBytes)} for ${disk.filesAtOnce === 1 ? 'one file' : `${disk.filesAtOnce} files`} on the way; ${formatDisk(floorBytes)} stay free.`,
    )
    const { id: device, kind, name } = await deps.devices.choose(deps.device())
    if (kind !== 'cpu') context.log(`Quantizing on ${name}.`)
    const staging = await openStaging({ outDir, fingerprint, overwrite: request.overwrite ?? false, resume: true })
    try {
      if (staging.resumed) context.log('Going on from what an earlier run finished.')
      const { computeDtype } = config
      const made = await quantizeWhileFetching(
        deps,
        {
          repo: request.repo,
          remote,
          plan,
          computeDtype,
          staging,
          fingerprint,
          device,
          filesAtOnce: disk.filesAtOnce,
          neededBytes: disk.neededBytes,
        },
        context,
      )
      context.progress({ phase: 'write', done: 0, total: 1, unit: 'steps', detail: 'configuration and tokenizer' })
      const configText = await readFile(join(made.sourceDir, 'config.json'))
      await publishModel(staging, plan, {
        sourceDir: made.sourceDir,
        source: {
          path: hubSourceName({ name: request.repo, commit: remote.commit }),
          ...remoteHashes(remote, configText),
        },
        config,
        engineVersion,
        tensors: made.tensors,
        weightFiles: made.weightFiles,
      })
      const { seconds, peakBytes, tensors } = made
      return { seconds, peakBytes, engineVersion, at: deps.now().toISOString(), tensors }
    } catch (error) {
      await staging.release()
      throw error
    }
  }

  return {
    async complete(request) {
      const fixed = await pinned(hub, request)
      const { detail } = await remoteOf(fixed, new AbortController().signal)
      const plan = await planner.planRemote(detail, request.config, request.outDir ?? null)
      return { ...fixed, ...(await planner.place(`${request.repo.split('/').at(-1)} ${plan.label}`, request)) }
    },
    kind: {
      lane: 'network',
      title: async ({ repo, name }) => `Quantize ${repo}${name === undefined ? '' : ` to ${name}`} while it downloads`,
      inputKey: ({ repo, commit, config }) => sha256(JSON.stringify([repo, commit, config])),
      async run(request, context) {
        context.progress({ phase: 'list', done: 0, total: 1, unit: 'steps', detail: `headers of ${request.repo}` })
        if (request.keepSource) return fromKept(request, placeOf(request), context)
        return places.fill(request, context, (outDir) => make(request, outDir, context))
      },
      saved: (request) => places.saved(request, 'Finished tensors and files on their way'),
      discard: places.discard,
    },
  }

  /** The original into the cache and the library first, then what is made of it: the same bytes, with more disk. */
  async function fromKept(request: DownloadQuantizeRequest, outDir: string, context: JobContext) {
    const path = await fetchModel(hub, { ...request, allFiles: false }, context)
    const entry = await library.add(path, 'added')
    if (entry.name !== request.repo) await library.rename(path, request.repo)
    models.changed()
    const { config, name, overwrite, measure } = request
    return deps.quantize.run({ modelId: entry.id, config, name, outDir, overwrite, measure }, context)
  }
}

/** Some methods run the model before they quantize it; one that is still arriving cannot be run. */
function refuseMeasuring(choices: QuantizePlan['choices']): void {
  const measuring = choices.find(({ quant }) => methodInfo(quant.method).measures !== 'nothing')
  if (measuring === undefined) return
  throw new AppError(
    'bad-input',
    `Method ${measuring.quant.method} runs the model before it quantizes ${measuring.name}, so the model has to be there ` +
      'first: download it, then quantize it, or choose hqq or refined.',
  )
}
