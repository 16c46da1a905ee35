/** Measuring a model as a job: perplexity and speed, stored with their protocol. */
import { randomUUID } from 'node:crypto'
import type { EvaluateRequest, Measurement } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { DatasetOptions, DatasetPart } from '../hub/dataset-text.ts'
import { divergenceKey } from '../plan/divergence.ts'
import { STANDARD_PERPLEXITY } from '../plan/standard-measure.ts'
import type { AccuracyDeps } from './accuracy.ts'
import type { RunOptions } from './chat.ts'
import { type DivergenceDeps, measureDivergence } from './divergence.ts'
import { accuracyOf, labelDivergenceOf, noReference } from './evaluate-pictures.ts'
import { type EvaluationText, readEvaluationText } from './evaluation-text.ts'
import type { JobContext, JobKind, RequestOf } from './job-kind.ts'
import type { LibraryEntry } from './library.ts'
import type { Measurements } from './measurements.ts'
import { measurePerplexity, type PerplexityDeps, perplexityKey } from './perplexity.ts'
import { sha256 } from './source-hashes.ts'
import { measureSpeed } from './speed.ts'

export interface EvaluateDeps extends PerplexityDeps, DivergenceDeps {
  measurements: Measurements
  accuracy: AccuracyDeps
  /** How chats run models, which is what speed is measured on. */
  defaults(): RunOptions
  bundledText: string
  readDataset(part: DatasetPart, options: DatasetOptions): Promise<string>
  now(): Date
}

export interface Evaluator {
  kind: JobKind<RequestOf<'evaluate'>>
  /** The standard measurements, within another job. */
  measure(modelId: string, context: JobContext): Promise<void>
}

const STANDARD: Omit<EvaluateRequest, 'modelId'> = {
  metrics: ['perplexity', 'speed'],
  text: { kind: 'bundled' },
  ...STANDARD_PERPLEXITY,
}

export function createEvaluator(deps: EvaluateDeps): Evaluator {
  const { models, measurements, bundledText } = deps

  async function run(request: EvaluateRequest, context: JobContext): Promise<void> {
    const { metrics, modelId } = request
    if (metrics.includes('accuracy')) await measurements.add(modelId, await accuracyOf(deps, request, context))
    const { vision } = await models.summary(modelId)
    // What compares pictures with texts has no next tokens; its belief is spread over labels.
    const onLabels = vision?.kind === 'clip' && metrics.includes('divergence')
    if (onLabels) await measurements.add(modelId, await labelDivergenceOf(deps, request, context))
    const onText = metrics.filter((metric) => metric !== 'accuracy' && !(onLabels && metric === 'divergence'))
    if (onText.length > 0) await runOnText({ ...request, metrics: onText }, context)
  }

  async function runOnText(request: EvaluateRequest, context: JobContext): Promise<void> {
    const summary = await models.summary(request.modelId)
    if (summary.runProblem !== null) throw AppError.fromShape(summary.runProblem)
    const entry = await models.find(request.modelId)
    const text = await readEvaluationText(request.text, bundledText, (part) =>
      deps.readDataset(part, {
        signal: context.signal,
        onProgress: ({ bytesDone, bytesTotal, filesDone, filesTotal, current }) =>
          context.progress({
            phase: 'download',
            done: filesDone,
            total: filesTotal,
            unit: 'files',
            bytes: { done: bytesDone, total: bytesTotal },
            detail: current,
          }),
      }),
    )
    const modelContext = summary.config?.contextLength ?? Number.MAX_SAFE_INTEGER
    if (request.metrics.includes('perplexity')) {
      await measurements.add(entry.id, [await perplexityOf(deps, entry, request, text, context)])
    }
    if (request.metrics.includes('speed')) {
      await measurements.add(entry.id, await speedOf(deps, entry, modelContext, text, context))
    }
    if (request.metrics.includes('divergence')) {
      const reference = request.referenceModelId ?? summary.quantization?.sourceModelId ?? null
      if (reference === null) throw noReference(entry.name)
      await measurements.add(entry.id, await divergenceFrom(deps, reference, entry, request, text, context))
    }
  }

  return {
    kind: {
      lane: 'engine',
      async title({ modelId, metrics }) {
        const { name } = await models.find(modelId)
        return `Measure ${metrics.join(' and ')} of ${name}`
      },
      inputKey: (request) => sha256(JSON.stringify(request)),
      async run(request, context) {
        await run(request, context)
        return { resultModelId: request.modelId }
      },
      saved: async () => ({ text: null, resumable: false }),
      discard: async () => {},
    },
    async measure(modelId, context) {
      const { runProblem } = await models.summary(modelId)
      // Quantized it is all the same.
      if (runProblem !== null) return context.log(`Not measured. ${runProblem.message}`)
      await run({ ...STANDARD, modelId }, context)
    },
  }
}

async function perplexityOf(
  deps: EvaluateDeps,
  entry: LibraryEntry,
  { protocol, window, stride, maxTokens }: EvaluateRequest,
  text: EvaluationText,
  context: JobContext,
): Promise<Measurement> {
  const phase = 'perplexity'
  context.progress({ phase, done: 0, total: 1, unit: 'windows', detail: 'tokenizing and loading' })
  const { computeDtype, device } = deps.defaults()
  const request = { dir: entry.path, name: entry.name, text, protocol, window, stride, maxTokens, computeDtype, device }
  const result = await measurePerplexity(deps, request, context.signal, ({ done, total, perplexity }) => {
    const detail = perplexity === null ? null : `${perplexity.toFixed(3)} so far`
    context.progress({ phase, done, total, unit: 'windows', detail })
  })
  context.log(
    `Perplexity ${result.perplexity.toFixed(4)} over ${result.tokens} tokens (${protocol}, window ${window}).`,
  )
  return {
    id: randomUUID(),
    modelId: entry.id,
    metric: 'perplexity',
    value: result.perplexity,
    unit: 'perplexity',
    protocolKey: perplexityKey(result.protocol),
    protocol: { ...result.protocol, tokens: result.tokens },
    memory: null,
    seconds: result.seconds,
    engineVersion: result.engineVersion,
    at: deps.now().toISOString(),
  }
}

async function divergenceFrom(
  deps: EvaluateDeps,
  reference: string,
  entry: LibraryEntry,
  { window, maxTokens }: EvaluateRequest,
  text: EvaluationText,
  context: JobContext,
): Promise<Measurement[]> {
  const { computeDtype, device } = deps.defaults()
  const { name } = await deps.models.find(reference)
  const request = { modelIds: [reference, entry.id], text, window, maxTokens, computeDtype, device, wait: true }
  const measured = await measureDivergence(deps, request, context.signal, ({ phase, done, total }) =>
    context.progress({
      ...{ phase: 'divergence', done, total, unit: 'tokens' },
      detail: phase === 'load' ? 'loading' : null,
    }),
  )
  const summary = measured.versions[0]?.summary
  if (summary === undefined) throw new AppError('bad-input', 'The text is too short to compare models on.')
  context.log(
    `Mean KL ${summary.meanKl.toFixed(5)} nats from ${name} over ${summary.tokens} tokens (window ${measured.protocol.window}).`,
  )
  const common = {
    modelId: entry.id,
    protocolKey: divergenceKey(reference, measured.protocol),
    protocol: { ...measured.protocol, reference: name, tokens: summary.tokens, windows: summary.windows },
    memory: null,
    seconds: measured.seconds,
    engineVersion: measured.engineVersion,
    at: deps.now().toISOString(),
  }
  return [
    { ...common, id: randomUUID(), metric: 'mean-kl', value: summary.meanKl, unit: 'nats' },
    { ...common, id: randomUUID(), metric: 'p99-kl', value: summary.p99Kl, unit: 'nats' },
    { ...common, id: randomUUID(), metric: 'top-1-agreement', value: summary.topAgreement, unit: 'share' },
    { ...common, id: randomUUID(), metric: 'perplexity-ratio', value: summary.perplexityRatio, unit: 'ratio' },
  ]
}

async function speedOf(
  deps: EvaluateDeps,
  entry: LibraryEntry,
  modelContext: number,
  text: EvaluationText,
  context: JobContext,
): Promise<Measurement[]> {
  const defaults = deps.defaults()
  const spec = { ...defaults, dir: entry.path, contextLength: Math.min(defaults.contextLength, modelContext) }
  const result = await measureSpeed(deps, { spec, name: entry.name, text }, context.signal, (done, total) =>
    context.progress({ phase: 'speed', done, total, unit: 'runs', detail: 'prefill and decode' }),
  )
  const { decodeTokensPerSecond, prefillTokensPerSecond, memory } = result
  context.log(`${decodeTokensPerSecond.toFixed(1)} tokens/s decoding, ${prefillTokensPerSecond.toFixed(1)} prefilling.`)
  const protocolKey = ['speed', ...Object.entries(result.protocol).map(([name, value]) => `${name}=${value}`)].join('|')
  const common = {
    modelId: entry.id,
    protocolKey,
    protocol: result.protocol,
    memory,
    seconds: result.seconds,
    engineVersion: result.engineVersion,
    at: deps.now().toISOString(),
  }
  const total = memory.weights + memory.metadata + memory.kvCache + memory.scratch + memory.other
  return [
    { ...common, id: randomUUID(), metric: 'decode-speed', value: decodeTokensPerSecond, unit: 'tokens/s' },
    { ...common, id: randomUUID(), metric: 'prefill-speed', value: prefillTokensPerSecond, unit: 'tokens/s' },
    { ...common, id: randomUUID(), metric: 'memory', value: total, unit: 'bytes' },
  ]
}
