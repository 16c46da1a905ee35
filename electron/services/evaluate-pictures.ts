/** The measurements of models that see: accuracy on labelled pictures, and divergence over their labels. */
import { randomUUID } from 'node:crypto'
import type { EvaluateRequest, Measurement } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import { type AccuracyDeps, measureAccuracy } from './accuracy.ts'
import { accuracyMeasurements, withFolder } from './accuracy-record.ts'
import type { JobContext } from './job-kind.ts'
import type { MachineInfo } from './machine.ts'
import type { Models } from './models.ts'
import { measureZeroShotDivergence } from './zero-shot-divergence.ts'

export interface EvaluatePicturesDeps {
  accuracy: AccuracyDeps
  models: Models
  machine: MachineInfo
  now(): Date
}

export async function accuracyOf(
  deps: EvaluatePicturesDeps,
  { modelId, pictures }: EvaluateRequest,
  context: JobContext,
): Promise<Measurement[]> {
  if (pictures === undefined) throw new AppError('bad-input', 'Accuracy needs a folder of pictures. Choose one.')
  const { signal } = context
  const result = await measureAccuracy(
    deps.accuracy,
    { ...pictures, modelId, wait: true },
    {
      signal,
      onProgress: (done, total) =>
        context.progress({ phase: 'accuracy', done, total, unit: 'pictures', detail: pictures.dir }),
    },
  )
  context.log(`${(result.top1 * 100).toFixed(1)} % of ${result.total} right.`)
  const engineVersion = await deps.machine.engineVersion()
  return accuracyMeasurements(result, pictures, { modelId, engineVersion, at: deps.now().toISOString() })
}

export async function labelDivergenceOf(
  deps: EvaluatePicturesDeps,
  { modelId, referenceModelId, pictures }: EvaluateRequest,
  context: JobContext,
): Promise<Measurement[]> {
  const { name, quantization } = await deps.models.summary(modelId)
  const referenceId = referenceModelId ?? quantization?.sourceModelId ?? null
  if (referenceId === null) throw noReference(name)
  if (pictures === undefined) throw new AppError('bad-input', 'Divergence needs a folder of pictures. Choose one.')
  const reference = await deps.models.find(referenceId)
  const measured = await measureZeroShotDivergence(
    deps.accuracy,
    { ...pictures, modelId, referenceId, wait: true },
    {
      signal: context.signal,
      onProgress: (done, total) =>
        context.progress({ phase: 'divergence', done, total, unit: 'pictures', detail: pictures.dir }),
    },
  )
  const { summary, protocol, protocolKey, seconds } = measured
  context.log(`Mean KL ${summary.meanKl.toFixed(5)} nats from ${reference.name} over ${summary.pictures} pictures.`)
  const common = {
    ...{ modelId, protocolKey, memory: null, seconds },
    protocol: { ...withFolder(protocol, pictures), reference: reference.name },
    engineVersion: await deps.machine.engineVersion(),
    at: deps.now().toISOString(),
  }
  return [
    { ...common, id: randomUUID(), metric: 'mean-kl', value: summary.meanKl, unit: 'nats' },
    { ...common, id: randomUUID(), metric: 'p99-kl', value: summary.p99Kl, unit: 'nats' },
    { ...common, id: randomUUID(), metric: 'top-1-agreement', value: summary.topAgreement, unit: 'share' },
  ]
}

export function noReference(name: string): AppError {
  return new AppError('bad-input', `The model that ${name} was made from is not known. Choose what to compare it with.`)
}
