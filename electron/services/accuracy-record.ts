/** Accuracy as it is kept: measurements that Compare and reports show. */
import { randomUUID } from 'node:crypto'
import type { Measurement } from '../contract/domain.ts'
import type { AccuracyResult } from '../contract/vision.ts'
import { type AccuracyCalls, type AccuracyDeps, type AccuracyRequest, measureAccuracy } from './accuracy.ts'
import type { MachineInfo } from './machine.ts'
import type { Measurements } from './measurements.ts'

/** Where the pictures are, so that others can be measured on them; equal pictures in another place are the same protocol. */
export function withFolder(
  protocol: AccuracyResult['protocol'],
  { dir, labels }: Pick<AccuracyRequest, 'dir' | 'labels'>,
): Measurement['protocol'] {
  return { ...protocol, folder: dir, labelsFrom: labels ?? 'subfolders' }
}

export function accuracyMeasurements(
  result: AccuracyResult,
  folder: Pick<AccuracyRequest, 'dir' | 'labels'>,
  about: Pick<Measurement, 'modelId' | 'engineVersion' | 'at'>,
): Measurement[] {
  const { top1, top5, protocolKey, seconds } = result
  const protocol = withFolder(result.protocol, folder)
  const common = { ...about, unit: '%', protocolKey, protocol, memory: null, seconds }
  if (top5 === null) return [{ ...common, id: randomUUID(), metric: 'answer-accuracy', value: top1 * 100 }]
  return [
    { ...common, id: randomUUID(), metric: 'accuracy', value: top1 * 100 },
    { ...common, id: randomUUID(), metric: 'accuracy-top5', value: top5 * 100 },
  ]
}

/** Measures while somebody watches, and keeps the numbers. Throws `busy` while the engine does something else. */
export async function keptAccuracy(
  deps: { accuracy: AccuracyDeps; machine: MachineInfo; measurements: Measurements },
  request: Omit<AccuracyRequest, 'wait'>,
  calls: AccuracyCalls,
): Promise<AccuracyResult> {
  const result = await measureAccuracy(deps.accuracy, { ...request, wait: false }, calls)
  const about = {
    modelId: request.modelId,
    engineVersion: await deps.machine.engineVersion(),
    at: new Date().toISOString(),
  }
  await deps.measurements.add(request.modelId, accuracyMeasurements(result, request, about))
  return result
}
