/**
 * Quantizing while downloading: weights arrive file by file, each tensor is quantized as soon as its bytes are there, and a file goes
 * once its hash was right and its tensors are saved. The original is never on the disk as a whole.
 */
import { mkdir, readFile } from 'node:fs/promises'
import type { TensorResult } from '../../contract/domain.ts'
import type { EngineContract } from '../../contract/engine.ts'
import { AppError } from '../../contract/errors.ts'
import type { EventOf, OutputOf } from '../../contract/method.ts'
import { createSpaceGuard } from '../../hub/disk-space.ts'
import { inParallel } from '../../hub/download.ts'
import { fetchFile } from '../../hub/fetch-file.ts'
import { createFileSource } from '../../hub/file-source.ts'
import type { RemoteHeader } from '../../hub/remote-safetensors.ts'
import { formatDisk } from '../../plan/units.ts'
import type { Engine } from '../engine.ts'
import type { JobContext } from '../job-kind.ts'
import type { LoadedModels } from '../loaded-models.ts'
import type { QuantizePlan } from '../quantize-plan.ts'
import type { Staging } from '../staging.ts'
import { modelRepo, wantedFiles } from './download-kind.ts'
import type { Hub } from './hub.ts'
import type { RemoteModel } from './inspect.ts'
import { openStagedSource, type StagedSource } from './staged-source.ts'
import { createTensorBatches } from './tensor-batches.ts'

type Event = EventOf<EngineContract['model.quantize']>
type Made = OutputOf<EngineContract['model.quantize']>

export interface StreamDeps {
  hub: Hub
  engine: Engine
  loaded: LoadedModels
}

export interface StreamWork {
  repo: string
  remote: RemoteModel
  plan: QuantizePlan
  computeDtype: QuantizePlanDtype
  staging: Staging
  /** Equal for equal contents and equal choices. */
  fingerprint: string
  /** Which device quantizes. */
  device: string
  filesAtOnce: number
  /** What was said to be needed, for the comparison at the end. */
  neededBytes: number
}

type QuantizePlanDtype = 'float32' | 'float16' | 'bfloat16'

export interface StreamResult {
  sourceDir: string
  weightFiles: string[]
  tensors: TensorResult[]
  seconds: number
  peakBytes: number
  /** Most bytes on the disk at any time, result and files on their way. */
  peakDiskBytes: number
}

/** Files that proved to be missing at the end are fetched again this often. */
const ROUNDS = 3

export async function quantizeWhileFetching(
  deps: StreamDeps,
  work: StreamWork,
  context: JobContext,
): Promise<StreamResult> {
  const { remote, staging } = work
  const source = await openStagedSource(staging.dir, remote.headers)
  await fetchSmallFiles(deps.hub, work, source, context)
  const meter = createMeter(source, work, context)
  const engine = createEngineCalls(deps, work, source, context, meter)
  for (let round = 1; ; round++) {
    await fetchWeights(deps.hub, work, source, engine, context, meter)
    const made = await engine.finish()
    await meter.sampleDisk()
    if (made.missing.length === 0) {
      context.log(
        `Disk: ${formatDisk(work.neededBytes)} were said to be needed, at most ${formatDisk(meter.peakDiskBytes())} were used.`,
      )
      const tensors = engine.results()
      const { seconds, peakBytes } = engine.totals()
      return {
        sourceDir: source.dir,
        weightFiles: made.files,
        tensors,
        seconds,
        peakBytes,
        peakDiskBytes: meter.peakDiskBytes(),
      }
    }
    const lost = new Set(made.missing)
    const files = remote.headers.filter(({ tensors }) => tensors.some(({ name }) => lost.has(name)))
    if (round === ROUNDS)
      throw new AppError('io', `${lost.size} finished tensors cannot be read back from ${staging.dir}.`)
    context.log(`${lost.size} finished tensors were damaged on the disk; their files are fetched again.`)
    await source.reopen(files.map(({ file }) => file.path))
  }
}

/** Configuration, tokenizer and licence: whole, before any weights. */
async function fetchSmallFiles(hub: Hub, work: StreamWork, source: StagedSource, context: JobContext): Promise<void> {
  const deps = hub.downloads()
  const { commit, files } = work.remote
  const small = wantedFiles(files, false).filter(({ path }) => !/\.(safetensors|md|pt)$/.test(path))
  await mkdir(source.dir, { recursive: true })
  await inParallel(small, deps.parallelFiles, context.signal, async (file, signal) => {
    const known = await readFile(source.pathOf(file.path)).catch(() => null)
    if (known?.length === file.bytes && work.staging.resumed) return
    const from = createFileSource({ client: deps.client, repo: modelRepo(work.repo), commit, file })
    await fetchFile({ ...deps, source: from, path: source.pathOf(file.path), signal, onBytes() {} })
  })
}

async function fetchWeights(
  hub: Hub,
  work: StreamWork,
  source: StagedSource,
  engine: EngineCalls,
  context: JobContext,
  meter: Meter,
): Promise<void> {
  const deps = hub.downloads()
  const { commit, headers } = work.remote
  const failed = new AbortController()
  const signal = AbortSignal.any([context.signal, failed.signal])
  const batches = createTensorBatches(engine.quantize, (error) => failed.abort(error))
  const guard = createSpaceGuard({ ...deps, path: work.staging.dir })
  const waiting = headers.filter(({ file }) => !source.isDone(file.path))
  meter.begin(headers.filter(({ file }) => source.isDone(file.path)))
  try {
    await inParallel(waiting, work.filesAtOnce, signal, async (header, both) => {
      const { file } = header
      meter.current(file.path, true)
      await fetchFile({
        ...deps,
        source: createFileSource({ client: deps.client, repo: modelRepo(work.repo), commit, file }),
        path: source.pathOf(file.path),
        signal: both,
        onBytes: meter.bytes,
        async onChunk(chunks) {
          batches.arrived(header, chunks.covers)
          await guard()
          await meter.sampleDisk()
        },
        async onMismatch() {
          context.log(
            `${file.path} arrived with a wrong hash: what was made from it is discarded, and it is fetched again.`,
          )
          await batches.discarded(header)
        },
      })
      await batches.verified(header)
      await meter.sampleDisk()
      await source.finish(header)
      meter.current(file.path, false)
    })
  } catch (error) {
    await batches.settle().catch(() => {})
    throw context.signal.aborted ? new AppError('cancelled', 'cancelled') : (failed.signal.reason ?? error)
  }
}

interface EngineCalls {
  quantize(tensors: readonly string[], discard: readonly string[]): Promise<void>
  /** Checks everything that was saved and assembles it. */
  finish(): Promise<Made>
  results(): TensorResult[]
  totals(): { seconds: number; peakBytes: number }
}

function createEngineCalls(
  { engine, loaded }: StreamDeps,
  work: StreamWork,
  source: StagedSource,
  context: JobContext,
  meter: Meter,
): EngineCalls {
  const { plan, staging, fingerprint, computeDtype } = work
  const specs = new Map(plan.linears.map(({ name, choice }) => [name, choice]))
  const told = new Set<string>()
  const totals = { seconds: 0, peakBytes: 0 }
  let results: TensorResult[] = []

  function onEvent(event: Event): void {
    if (event.type !== 'tensor') return
    const choice = specs.get(event.name)
    if (choice?.kind !== 'quantize') return
    const { type: _, resumed: __, ...measured } = event
    const result = { ...measured, spec: choice.spec }
    results.push(result)
    if (told.has(event.name)) return
    told.add(event.name)
    context.tensor(result)
    meter.quantized(told.size)
  }

  async function call(tensors: readonly string[] | null, discard: readonly string[]): Promise<Made> {
    const turn = { purpose: `quantizing ${work.repo}`, signal: context.signal, wait: true }
    const input = {
      modelDir: source.dir,
      outDir: staging.dir,
      plan: plan.choices,
      computeDtype,
      device: work.device,
      arriving: { identity: fingerprint, discard: [...discard], tensors: tensors === null ? null : [...tensors] },
    }
    const made = await loaded.alone(turn, () =>
      engine.stream('model.quantize', input, { signal: context.signal, onEvent }),
    )
    totals.seconds += made.seconds
    totals.peakBytes = Math.max(totals.peakBytes, made.peakBytes)
    return made
  }

  return {
    async quantize(tensors, discard) {
      await call(tensors, discard)
    },
    async finish() {
      context.progress({ phase: 'write', done: 0, total: 1, unit: 'steps', detail: 'checking what was saved' })
      // The last look tells of every tensor, in the order of the plan.
      results = []
      return call(null, [])
    },
    results: () => results,
    totals: () => totals,
  }
}

interface Meter {
  begin(done: readonly RemoteHeader[]): void
  bytes(count: number): void
  current(name: string, underWay: boolean): void
  quantized(count: number): void
  sampleDisk(): Promise<void>
  peakDiskBytes(): number
}

/** Looking through the folder for each piece would be a waste. */
const SAMPLE_MS = 250

function createMeter(source: StagedSource, { remote, plan }: StreamWork, context: JobContext): Meter {
  const total = remote.headers.reduce((sum, { file }) => sum + file.bytes, 0)
  const underWay = new Set<string>()
  let bytesDone = 0
  let layers = 0
  let peak = 0
  let sampledAt = 0

  function tell(): void {
    context.progress({
      phase: 'download',
      done: layers,
      total: plan.choices.length,
      unit: 'layers',
      bytes: { done: bytesDone, total },
      detail: [...underWay].join(', ') || null,
      checkpoint: `${layers} of ${plan.choices.length} quantized layers are saved, ${formatDisk(bytesDone)} of ${formatDisk(total)} have arrived`,
    })
  }

  return {
    begin(done) {
      bytesDone = done.reduce((sum, { file }) => sum + file.bytes, 0)
      tell()
    },
    bytes(count) {
      bytesDone += count
      tell()
    },
    current(name, on) {
      if (on) underWay.add(name)
      else underWay.delete(name)
      tell()
    },
    quantized(count) {
      layers = count
      tell()
    },
    async sampleDisk() {
      if (performance.now() - sampledAt < SAMPLE_MS) return
      sampledAt = performance.now()
      peak = Math.max(peak, await source.diskBytes())
    },
    peakDiskBytes: () => peak,
  }
}
