/**
 * Quantizing as a job: check, quantize tensor by tensor into a staging folder, add what makes it a model, rename it to its place,
 * measure it if asked. The engine keeps each finished tensor; everything else here can be done again.
 */
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { QuantizeRequest, TensorResult } from '../contract/domain.ts'
import type { EngineContract } from '../contract/engine.ts'
import { toAppError } from '../contract/errors.ts'
import type { EventOf, OutputOf } from '../contract/method.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import type { CandidateFiles } from './candidate-files.ts'
import type { Devices } from './devices.ts'
import type { Engine } from './engine.ts'
import { type EvaluationText, readTextFile, tokenize, withIdsFile } from './evaluation-text.ts'
import type { JobContext, JobKind, RequestOf } from './job-kind.ts'
import type { Library } from './library.ts'
import type { LoadedModels } from './loaded-models.ts'
import type { MachineInfo } from './machine.ts'
import type { Models } from './models.ts'
import { publishModel } from './quantize-output.ts'
import type { QuantizePlan, QuantizePlanner } from './quantize-plan.ts'
import { placeOf, type QuantizeRun, type ResultPlaces } from './result-places.ts'
import { hashSource, sha256 } from './source-hashes.ts'
import { openStaging, type Staging } from './staging.ts'

export interface QuantizeDeps {
  engine: Engine
  models: Models
  library: Library
  loaded: LoadedModels
  machine: MachineInfo
  devices: Devices
  planner: QuantizePlanner
  places: ResultPlaces
  tokenizers: Tokenizers
  /** For the ids of a text that methods measure on, while they do. */
  tempDir: string
  /** Of matrices that were quantized before, and moments. */
  kept: CandidateFiles
  now(): Date
}

type Event = EventOf<EngineContract['model.quantize']>
type Made = OutputOf<EngineContract['model.quantize']>
type Request = RequestOf<'quantize'>

/** Requests must have been completed by the planner: name and place are decided when the job is made, not when it runs. */
export function createQuantizeKind(deps: QuantizeDeps): JobKind<Request> {
  const { loaded, planner, places } = deps

  return {
    lane: 'engine',
    async title({ modelId, config, outDir }) {
      const { label, detail } = await planner.plan(modelId, config, placeOf({ outDir }))
      return `Quantize ${detail.summary.name} to ${label}`
    },
    inputKey: ({ modelId, config }) => sha256(JSON.stringify([modelId, config])),
    run: (request, context) =>
      places.fill(request, context, async (outDir) => {
        context.progress({ phase: 'check', done: 0, total: 1, unit: 'steps', detail: 'memory, disk and rules' })
        const plan = await planner.plan(request.modelId, request.config, outDir)
        const turn = { purpose: `quantizing ${plan.detail.summary.name}`, signal: context.signal, wait: true }
        return loaded.alone(turn, () => make(deps, request, plan, outDir, context))
      }),
    saved: (request) => places.saved(request, 'Finished tensors'),
    discard: places.discard,
  }
}

async function make(
  deps: QuantizeDeps,
  request: QuantizeRequest,
  plan: QuantizePlan,
  outDir: string,
  context: JobContext,
): Promise<QuantizeRun> {
  const source = await deps.library.entryAt(plan.detail.summary.path)
  const engineVersion = await deps.machine.engineVersion()
  const inspection = await deps.engine.call('model.inspect', { dir: source.path }, { signal: context.signal })
  const hashes = await hashSource(source.path, inspection.files, context.signal)
  const text = await calibrationText(request)
  const { computeDtype, seed = 0 } = request.config
  const parts = [hashes, plan.choices, computeDtype, seed, engineVersion]
  const fingerprint = sha256(JSON.stringify(text === null ? parts : [...parts, text.sha256]))
  const options = { outDir, fingerprint, overwrite: request.overwrite ?? false, resume: request.resume ?? true }
  const staging = await openStaging(options)
  try {
    if (staging.resumed) context.log('Going on from what an earlier run finished.')
    if (staging.discarded) context.log('Unfinished work on another source or with other settings was thrown away.')
    const tensors: TensorResult[] = []
    const made = await withTextIds(deps, text, source.path, context.signal, (textIdsFile) =>
      onDevice(deps, request, context, (device) =>
        quantizeWeights(deps, { plan, request, device, textIdsFile, staging, context }, tensors),
      ),
    )
    context.progress({ phase: 'write', done: 0, total: 1, unit: 'steps', detail: 'configuration and tokenizer' })
    await publishModel(staging, plan, {
      sourceDir: source.path,
      source: { path: deps.library.sourceName(source), ...hashes },
      config: request.config,
      engineVersion,
      tensors,
      weightFiles: made.files,
    })
    const { seconds, peakBytes } = made
    return { seconds, peakBytes, engineVersion, at: deps.now().toISOString(), tensors }
  } catch (error) {
    await staging.release()
    throw error
  }
}

/** The text that a request wants measured on in place of the model's own. */
async function calibrationText({ config }: QuantizeRequest): Promise<EvaluationText | null> {
  return config.text === undefined ? null : readTextFile(resolve(config.text))
}

async function withTextIds<T>(
  { tokenizers, tempDir }: QuantizeDeps,
  text: EvaluationText | null,
  modelDir: string,
  signal: AbortSignal,
  work: (idsFile: string | null) => Promise<T>,
): Promise<T> {
  if (text === null) return work(null)
  const { ids } = await tokenize(tokenizers, modelDir, text.text, signal)
  return withIdsFile(tempDir, ids, work)
}

/** Works on the chosen device. What a GPU cannot do, the CPU can: but only for those who left the choice to the app. */
async function onDevice(
  { devices }: QuantizeDeps,
  request: QuantizeRequest,
  context: JobContext,
  work: (device: string) => Promise<Made>,
): Promise<Made> {
  const choice = request.device ?? 'cpu'
  const { id, kind, name } = await devices.choose(choice)
  if (kind !== 'cpu') context.log(`Quantizing on ${name}.`)
  try {
    return await work(id)
  } catch (thrown) {
    const error = toAppError(thrown)
    if (choice !== 'auto' || kind === 'cpu' || error.code !== 'unsupported') throw thrown
    context.log(`${name} cannot do this (${error.message}); the CPU does it.`)
    return work('cpu')
  }
}

interface WeightsWork {
  plan: QuantizePlan
  request: QuantizeRequest
  device: string
  textIdsFile: string | null
  staging: Staging
  context: JobContext
}

async function quantizeWeights(
  { engine, kept }: Pick<QuantizeDeps, 'engine' | 'kept'>,
  { plan, request, device, textIdsFile, staging, context }: WeightsWork,
  results: TensorResult[],
): Promise<Made> {
  const specs = new Map(plan.linears.map(({ name, choice }) => [name, choice]))
  let finished = 0

  function onEvent(event: Event): void {
    if (event.type === 'tensor') {
      const choice = specs.get(event.name)
      if (choice?.kind !== 'quantize') return
      const { type: _, resumed: __, ...measured } = event
      const result = { ...measured, spec: choice.spec }
      finished += 1
      results.push(result)
      context.tensor(result)
      return
    }
    if (event.tokensDone !== undefined) {
      const total = event.tokensTotal ?? event.tokensDone
      context.progress({ phase: event.phase, done: event.tokensDone, total, unit: 'tokens' })
      return
    }
    context.progress({
      phase: event.phase,
      done: event.tensorsDone,
      total: event.tensorsTotal,
      unit: 'tensors',
      bytes: { done: event.bytesDone, total: event.bytesTotal },
      detail: event.current,
      checkpoint: `${finished} of ${plan.choices.length} quantized layers are saved`,
    })
  }

  const input = {
    modelDir: plan.detail.summary.path,
    outDir: staging.dir,
    plan: plan.choices,
    computeDtype: request.config.computeDtype,
    seed: request.config.seed ?? 0,
    textIdsFile,
    momentsFile: request.momentsFile ?? (await kept.momentsOf(plan.detail)),
    storeDir: kept.dir,
    device,
  }
  await mkdir(kept.dir, { recursive: true })
  const made = await engine.stream('model.quantize', input, { signal: context.signal, onEvent })
  await kept.trim()
  return made
}
