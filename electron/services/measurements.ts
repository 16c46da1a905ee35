/** What was measured, and how long the quantization of each model took. Kept apart from the models, by their ids. */
import { z } from 'zod'
import { type Measurement, measurementSchema, tensorResultSchema } from '../contract/domain.ts'
import type { RecordFiles } from './record-files.ts'

const runSchema = z.object({
  seconds: z.number(),
  peakBytes: z.number(),
  engineVersion: z.string(),
  at: z.string(),
  tensors: z.array(tensorResultSchema),
})
export type StoredRun = z.infer<typeof runSchema>

/** Everything about one model. */
export const modelMeasurementsSchema = z.object({
  modelId: z.string(),
  measurements: z.array(measurementSchema).default([]),
  run: runSchema.nullable().default(null),
})
export type ModelMeasurements = z.infer<typeof modelMeasurementsSchema>

export interface Measurements {
  of(modelId: string): Promise<ModelMeasurements>
  /** A new number replaces older ones of the same model, metric and protocol. */
  add(modelId: string, measurements: readonly Measurement[]): Promise<void>
  /** Numbers of an earlier model in the same place are not this model's and go. */
  addRun(modelId: string, run: StoredRun): Promise<void>
  remove(measurementId: string): Promise<void>
  forget(modelId: string): Promise<void>
}

export function createMeasurements(files: RecordFiles<ModelMeasurements>): Measurements {
  const none = (modelId: string): ModelMeasurements => ({ modelId, measurements: [], run: null })
  const same = (a: Measurement, b: Measurement) => a.metric === b.metric && a.protocolKey === b.protocolKey

  async function of(modelId: string): Promise<ModelMeasurements> {
    return (await files.get(modelId)) ?? none(modelId)
  }

  return {
    of,
    async add(modelId, added) {
      await files.update(modelId, (found) => {
        const current = found ?? none(modelId)
        const others = current.measurements.filter((old) => !added.some((fresh) => same(old, fresh)))
        return { ...current, measurements: [...others, ...added] }
      })
    },
    addRun: (modelId, run) => files.set(modelId, { ...none(modelId), run }),
    async remove(measurementId) {
      for (const model of await files.list()) {
        if (!model.measurements.some(({ id }) => id === measurementId)) continue
        await files.update(
          model.modelId,
          (current) =>
            current && { ...current, measurements: current.measurements.filter(({ id }) => id !== measurementId) },
        )
      }
    },
    forget: files.remove,
  }
}
