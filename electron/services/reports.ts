/** Gathers a report: what is on record about a model and its original, and what is measured for it now. */
import { release, type } from 'node:os'
import type { EvaluateRequest, Machine, Measurement, ModelDetail } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { Report, ReportModel, ReportRequest, ReportSample, ReportTensor } from '../contract/report.ts'
import { APP_VERSION } from '../contract/version.ts'
import { canSee } from '../plan/abilities.ts'
import { predictMemory } from '../plan/estimate.ts'
import type { DeviceKind } from '../plan/memory.ts'
import { commandsOf } from '../report/commands.ts'
import type { JobContext, JobKind, RequestOf } from './job-kind.ts'
import type { Library } from './library.ts'
import type { MachineInfo } from './machine.ts'
import type { Measurements, ModelMeasurements } from './measurements.ts'
import type { Models } from './models.ts'
import { type Provenance, provenanceSchema } from './provenance.ts'
import { fillPictures } from './report-pictures.ts'
import { type SideBySideDeps, sideBySide } from './side-by-side.ts'

export interface ReportDeps {
  models: Models
  library: Library
  measurements: Measurements
  machine: MachineInfo
  differences: SideBySideDeps
  evaluate: JobKind<RequestOf<'evaluate'>>
  contextLength(): number
  runsOn(): Promise<DeviceKind>
  now(): Date
}

/** How a report measures what has no figure. */
export type ReportMeasuring = Pick<EvaluateRequest, 'text' | 'window' | 'maxTokens'>

export const REPORT_MEASURING: ReportMeasuring = { text: { kind: 'bundled' }, window: 512, maxTokens: 4096 }

export interface Reports {
  make(request: Omit<ReportRequest, 'format'>, context: JobContext, measuring?: ReportMeasuring): Promise<Report>
}

interface Filling {
  modelId: string
  originalId: string | null
  measure: 'missing' | 'all'
  measuring: ReportMeasuring
}

const PROMPTS: ReportSample['prompt'][] = [
  { kind: 'text', text: 'Once upon a time' },
  { kind: 'text', text: 'The most important thing about a bridge is' },
]
const SAMPLE_TOKENS = 64

export function createReports(deps: ReportDeps): Reports {
  const { models, measurements, machine, now } = deps

  /** Null when it is not known, or not there any more. */
  async function originalOf(detail: ModelDetail): Promise<string | null> {
    const provenance = provenanceOf(detail)
    if (provenance === null) return null
    const id = deps.library.sourceId(provenance.source.path)
    const known = await models.find(id).catch(() => null)
    const found = known ?? (await models.open(provenance.source.path).catch(() => null))
    return found?.id ?? null
  }

  async function reportModel(detail: ModelDetail): Promise<ReportModel> {
    const { summary } = detail
    const wanted = deps.contextLength()
    const contextLength = Math.min(wanted, summary.config?.contextLength ?? wanted)
    const { measurements: measured } = await measurements.of(summary.id)
    const held = measured.filter(({ memory }) => memory !== null).sort((a, b) => b.at.localeCompare(a.at))[0]
    return {
      name: summary.name,
      path: summary.path,
      architecture: summary.config?.architecture ?? null,
      parameters: summary.parameters,
      precision: summary.quantization?.label ?? summary.dtype,
      bitsPerWeight: summary.quantization?.bitsPerWeight ?? null,
      fileBytes: summary.fileBytes,
      memory: {
        contextLength,
        predicted: predictMemory(detail, contextLength, await deps.runsOn()),
        measured: held?.memory ?? null,
      },
      measurements: measured,
    }
  }

  /** Measures what has no figure yet (or everything), the original under the same protocol as the model. */
  async function fill({ modelId, originalId, measure, measuring }: Filling, context: JobContext): Promise<void> {
    const evaluate = (id: string, metrics: EvaluateRequest['metrics'], how: ReportMeasuring) =>
      metrics.length === 0
        ? Promise.resolve()
        : deps.evaluate.run(
            {
              ...{ modelId: id, metrics, protocol: 'windows', stride: how.window, ...how },
              ...(metrics.includes('divergence') && originalId !== null ? { referenceModelId: originalId } : {}),
            },
            context,
          )
    const figures = async (id: string) => (await measurements.of(id)).measurements
    const own = measure === 'all' ? [] : await figures(modelId)
    const metrics: EvaluateRequest['metrics'] = []
    if (newest(own, 'perplexity') === undefined) metrics.push('perplexity')
    if (newest(own, 'decode-speed') === undefined) metrics.push('speed')
    if (originalId !== null && newest(own, 'mean-kl', `|from=${originalId}|`) === undefined) metrics.push('divergence')
    await evaluate(modelId, metrics, measuring)
    if (originalId === null) return
    const beside = measure === 'all' ? [] : await figures(originalId)
    const perplexity = newest(await figures(modelId), 'perplexity')
    const how = perplexity === undefined ? null : sameWay(perplexity)
    if (how !== null && newest(beside, 'perplexity', perplexity?.protocolKey) === undefined) {
      await evaluate(originalId, ['perplexity'], how)
    }
    if (newest(beside, 'decode-speed') === undefined) await evaluate(originalId, ['speed'], measuring)
  }

  async function samplesOf(
    modelIds: readonly string[],
    prompts: readonly ReportSample['prompt'][],
    context: JobContext,
  ): Promise<ReportSample[]> {
    const samples: ReportSample[] = []
    for (const [index, prompt] of prompts.entries()) {
      context.progress({ phase: 'samples', done: index, total: prompts.length, unit: 'prompts' })
      const sampling = { temperature: 0, seed: 0, maxNewTokens: SAMPLE_TOKENS }
      const quiet = { signal: context.signal, emit() {} }
      const request = { modelIds: [...modelIds], prompt, sampling }
      const { answers } = await sideBySide(deps.differences, request, quiet, { wait: true })
      samples.push({ prompt, answers })
    }
    return samples
  }

  return {
    async make({ modelId, originalId, measure, prompts = PROMPTS }, context, measuring = REPORT_MEASURING) {
      const detail = await models.detail(modelId)
      const against = originalId === undefined ? await originalOf(detail) : originalId
      if (against === modelId) throw new AppError('bad-input', 'A model cannot be compared with itself.')
      const original = against === null ? null : await models.detail(against)
      const runnable = [detail, ...(original === null ? [] : [original])].every(
        ({ summary }) => summary.runProblem === null,
      )
      const sees = [detail, ...(original === null ? [] : [original])].every(({ summary }) => canSee(summary))
      if (measure !== 'none' && sees) await fillPictures(deps, { modelId, originalId: against, measure }, context)
      if (measure !== 'none' && runnable) await fill({ modelId, originalId: against, measure, measuring }, context)
      const subjects = against === null ? [modelId] : [against, modelId]
      const samples = runnable && measure !== 'none' ? await samplesOf(subjects, prompts, context) : []
      const { run } = await measurements.of(modelId)
      const provenance = provenanceOf(detail)
      const [model, beside] = [await reportModel(detail), original === null ? null : await reportModel(original)]
      const here = await machine.machine()
      return {
        format: 'hqq-studio-report',
        version: 1,
        at: now().toISOString(),
        model,
        original: beside,
        made: madeOf(provenance, run),
        tensors: tensorsOf(detail, provenance, run),
        samples,
        hardware: hardwareOf(here),
        versions: { app: APP_VERSION, engine: await machine.engineVersion(), node: process.version },
        commands: commandsOf({
          model: model.path,
          original: beside?.path ?? null,
          config: provenance?.config ?? null,
          measurements: model.measurements,
        }),
      }
    },
  }
}

/** The newest figure of a metric whose key says this. */
function newest(measured: readonly Measurement[], metric: Measurement['metric'], key = ''): Measurement | undefined {
  const found = measured.filter((one) => one.metric === metric && one.protocolKey.includes(key))
  return found.sort((a, b) => b.at.localeCompare(a.at))[0]
}

/** How to measure so that the number can stand beside this one; null for a text that cannot be named again. */
function sameWay({ protocol }: Measurement): Pick<EvaluateRequest, 'text' | 'window' | 'maxTokens'> | null {
  const { text, window, streamTokens } = protocol
  if (protocol.protocol !== 'windows' || typeof text !== 'string') return null
  if (text !== 'bundled' && !text.startsWith('/')) return null
  const source = text === 'bundled' ? { kind: 'bundled' as const } : { kind: 'file' as const, path: text }
  return { text: source, window: Number(window), maxTokens: Number(streamTokens) }
}

function provenanceOf({ provenance }: ModelDetail): Provenance | null {
  const parsed = provenanceSchema.safeParse(provenance)
  return parsed.success ? parsed.data : null
}

function madeOf(provenance: Provenance | null, run: ModelMeasurements['run']): Report['made'] {
  if (provenance === null) return null
  const { config, engineVersion, source, loadsIn } = provenance
  return {
    config,
    engineVersion,
    source: source.path,
    sourceConfigSha256: source.configSha256,
    sourceWeights: source.weights.map(({ file, bytes, sha256 }) => ({ file, bytes, sha256 })),
    seconds: run?.seconds ?? null,
    peakBytes: run?.peakBytes ?? null,
    loadsIn,
  }
}

function tensorsOf(
  { linears }: ModelDetail,
  provenance: Provenance | null,
  run: ModelMeasurements['run'],
): ReportTensor[] {
  const made = new Map(provenance?.tensors.map((tensor) => [tensor.name, tensor]))
  const ran = new Map(run?.tensors.map((tensor) => [tensor.name, tensor]))
  return linears.map(({ name, shape, sourceDtype, sourceBytes, quantized }) => {
    const record = made.get(name)
    const bytes = quantized?.bytes ?? sourceBytes
    return {
      ...{ name, shape, dtype: sourceDtype, bytes },
      // The folder says how it is stored; the record also says by which method.
      spec: record?.spec ?? (quantized === null ? null : specOf(quantized)),
      bitsPerWeight: (bytes * 8) / (shape[0] * shape[1]),
      decidedBy: record?.decidedBy ?? null,
      relativeError: record?.relativeError ?? null,
      seconds: ran.get(name)?.seconds ?? null,
    }
  })
}

function specOf(quantized: NonNullable<ModelDetail['linears'][number]['quantized']>) {
  const { bytes: _, metadataBytes: __, ...spec } = quantized
  return spec
}

function hardwareOf({ cpu, cores, threads, simd, totalMemoryBytes, devices }: Machine): Report['hardware'] {
  return {
    ...{ cpu, cores, threads, simd: simd.active, memoryBytes: totalMemoryBytes },
    gpus: devices.flatMap(({ kind, name, totalBytes }) => (kind === 'cuda' ? [{ name, memoryBytes: totalBytes }] : [])),
    system: `${type()} ${release()}, ${process.arch}`,
  }
}
