/** Measures what each layer of a model loses under each candidate, as a job, and keeps the table by model. */
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Measurement, ModelDetail } from '../contract/domain.ts'
import type { EngineContract } from '../contract/engine.ts'
import { AppError } from '../contract/errors.ts'
import type { EventOf } from '../contract/method.ts'
import type { Choice, QuantSpec } from '../contract/quant.ts'
import type { LayerSensitivity, PredictedRun, SensitivityRequest, SensitivityTable } from '../contract/sensitivity.ts'
import { candidatesFor, probeOf } from '../plan/candidates.ts'
import { predictQuality, sensitivityByName } from '../plan/predict.ts'
import { keptByDefault } from '../plan/tags.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import { type CandidateFiles, sourceOf } from './candidate-files.ts'
import type { Compare } from './compare.ts'
import type { Engine } from './engine.ts'
import { readTextFile, tokenize, withIdsFile } from './evaluation-text.ts'
import type { JobContext, JobKind } from './job-kind.ts'
import type { LoadedModels } from './loaded-models.ts'
import type { MachineInfo } from './machine.ts'
import type { Models } from './models.ts'
import { engineQuant } from './quantize-plan.ts'
import type { RecordFiles } from './record-files.ts'
import { sha256 } from './source-hashes.ts'

export interface SensitivityDeps {
  engine: Engine
  models: Models
  loaded: LoadedModels
  machine: MachineInfo
  tokenizers: Tokenizers
  tables: RecordFiles<SensitivityTable>
  compare: Pick<Compare, 'rows'>
  kept: CandidateFiles
  tempDir: string
  now(): Date
}

export interface Sensitivity {
  kind: JobKind<SensitivityRequest>
  /** The table of this model as it is now, whatever the text; null when there is none, or it is of other weights. */
  table(modelId: string): Promise<SensitivityTable | null>
  measure(request: SensitivityRequest, context: JobContext): Promise<SensitivityTable>
  /** Versions of the same model that were made here and measured, with what the table says of them. */
  runs(table: SensitivityTable): Promise<PredictedRun[]>
  forget(modelId: string): Promise<void>
}

export function createSensitivity(deps: SensitivityDeps): Sensitivity {
  const { models, tables, loaded } = deps

  async function measure(request: SensitivityRequest, context: JobContext): Promise<SensitivityTable> {
    const detail = await models.detail(request.modelId)
    const { summary } = detail
    const problem = summary.quantizeProblem ?? summary.runProblem
    if (problem !== null) throw AppError.fromShape(problem)
    const turn = { purpose: `measuring ${summary.name}`, signal: context.signal, wait: true }
    const table = await loaded.alone(turn, () => measureOn(deps, detail, request, context))
    await tables.set(recordId(request.modelId), table)
    await deps.kept.trim()
    return table
  }

  return {
    measure,
    async table(modelId) {
      const table = await tables.get(recordId(modelId))
      if (table === null) return null
      const detail = await models.detail(modelId)
      return table.source === (await sourceOf(detail)) ? table : null
    },
    runs: (table) => measuredRuns(deps, table),
    forget: (modelId) => tables.remove(recordId(modelId)),
    kind: {
      lane: 'engine',
      title: async ({ modelId }) => `Measure the layers of ${(await models.summary(modelId)).name}`,
      inputKey: (request) => sha256(JSON.stringify(request)),
      async run(request, context) {
        await measure(request, context)
        return { resultModelId: null }
      },
      saved: async () => ({ text: null, resumable: false }),
      discard: async () => {},
    },
  }
}

async function measureOn(
  { engine, machine, tokenizers, kept, tempDir, now }: SensitivityDeps,
  detail: ModelDetail,
  request: SensitivityRequest,
  { signal, progress }: JobContext,
): Promise<SensitivityTable> {
  const { computeDtype, seed, tokens } = request
  const layers = detail.linears
    .filter(({ name, quantized }) => !keptByDefault(name) && quantized === null)
    .map(({ name, shape }) => ({ name, specs: candidatesFor(name, shape, computeDtype) }))
    .filter(({ specs }) => specs.length > 0)
  if (layers.length === 0) throw new AppError('bad-input', 'This model has no layers that could be quantized.')
  const specsOf = new Map(layers.map(({ name, specs }) => [name, specs]))
  const measured: LayerSensitivity[] = []

  function onEvent(event: EventOf<EngineContract['model.sensitivity']>): void {
    if (event.type === 'layer') {
      measured.push(layerOf(event, specsOf.get(event.name) ?? []))
      return
    }
    const unit = event.phase === 'candidates' ? 'layers' : 'tokens'
    progress({ phase: event.phase, done: event.done, total: event.total, unit })
  }

  const { path } = detail.summary
  const source = await sourceOf(detail)
  await mkdir(kept.dir, { recursive: true })
  const momentsFile = await kept.momentsOf(detail)
  const run = (textIdsFile: string | null) =>
    engine.stream(
      'model.sensitivity',
      {
        modelDir: path,
        layers: layers.map(({ name, specs }) => ({
          name,
          candidates: specs.map((spec) =>
            engineQuant({ ...spec, method: spec.method === 'auto' ? 'hqq' : spec.method }),
          ),
          probe: probeOf(specs),
        })),
        computeDtype,
        tokens,
        seed,
        textIdsFile,
        momentsFile,
        storeDir: kept.dir,
      },
      { signal, onEvent },
    )
  const { seconds, meanNll, tokens: compared } = await withText(request, run)
  return {
    request,
    source,
    engineVersion: await machine.engineVersion(),
    at: now().toISOString(),
    seconds,
    tokens: compared,
    meanNll,
    layers: measured,
  }

  async function withText<T>({ text }: SensitivityRequest, work: (idsFile: string | null) => Promise<T>): Promise<T> {
    if (text === undefined) return work(null)
    const { text: content } = await readTextFile(resolve(text))
    const { ids } = await tokenize(tokenizers, path, content, signal)
    return withIdsFile(tempDir, ids, work)
  }
}

function layerOf(
  event: Extract<EventOf<EngineContract['model.sensitivity']>, { type: 'layer' }>,
  specs: readonly QuantSpec[],
): LayerSensitivity {
  const candidates = event.candidates.flatMap(({ kept: _, ...loss }, index) => {
    const spec = specs[index]
    return spec === undefined ? [] : [{ spec, ...loss }]
  })
  return { name: event.name, divergence: event.divergence, probe: probeOf(specs), candidates }
}

function recordId(modelId: string): string {
  return sha256(modelId).slice(0, 40)
}

const ANY_CONTEXT = 2048

async function measuredRuns({ compare }: SensitivityDeps, table: SensitivityTable): Promise<PredictedRun[]> {
  const { rows } = await compare.rows(table.request.modelId, ANY_CONTEXT)
  const layers = sensitivityByName(table)
  const original = rows.find(({ role }) => role === 'original')
  return rows.flatMap(({ model, role, tensors, measurements }) => {
    if (role === 'original' || tensors.length === 0) return []
    const choices = tensors.map(({ name, spec }): [string, Choice] => [name, { kind: 'quantize', spec }])
    const { divergence, unknown } = predictQuality(choices, layers)
    const ratio = unknown > 0 ? null : ratioOf(measurements, original?.measurements ?? [])
    if (ratio === null) return []
    const bitsPerWeight = model.quantization?.bitsPerWeight ?? 0
    return [{ name: model.name, bitsPerWeight, fileBytes: model.fileBytes, divergence, perplexityRatio: ratio }]
  })
}

/** Perplexity over the original's, where both were measured alike. */
function ratioOf(own: readonly Measurement[], originals: readonly Measurement[]): number | null {
  for (const measured of own) {
    if (measured.metric !== 'perplexity') continue
    const same = originals.find(
      ({ metric, protocol }) => metric === 'perplexity' && keyOf(protocol) === keyOf(measured.protocol),
    )
    if (same !== undefined) return measured.value / same.value
  }
  return null
}

function keyOf({ protocol, window, stride, textSha256, streamTokens }: Measurement['protocol']): string {
  return JSON.stringify([protocol, window, stride, textSha256, streamTokens])
}
