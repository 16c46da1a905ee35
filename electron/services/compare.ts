/** The rows of Compare: an original and everything that was made from it, predicted beside measured. */
import type { CompareRow } from '../contract/domain.ts'
import { predictMemory } from '../plan/estimate.ts'
import type { DeviceKind } from '../plan/memory.ts'
import type { Measurements } from './measurements.ts'
import type { Models } from './models.ts'

export interface Compare {
  rows(modelId: string, contextLength: number): Promise<{ sourceModelId: string; rows: CompareRow[] }>
}

export interface CompareDeps {
  models: Models
  measurements: Measurements
  /** What models are run on, which is what their memory is predicted for. */
  runsOn(): Promise<DeviceKind>
}

export function createCompare({ models, measurements, runsOn }: CompareDeps): Compare {
  async function row(id: string, role: CompareRow['role'], wantedContext: number): Promise<CompareRow> {
    const detail = await models.detail(id)
    const contextLength = Math.min(wantedContext, detail.summary.config?.contextLength ?? wantedContext)
    const { measurements: measured, run } = await measurements.of(id)
    return {
      model: detail.summary,
      role,
      predicted: predictMemory(detail, contextLength, await runsOn()),
      contextLength,
      measurements: measured,
      quantizeSeconds: run?.seconds ?? null,
      meanRelativeError: run === null ? null : mean(run.tensors.map((tensor) => tensor.relativeError)),
      tensors: run?.tensors ?? [],
    }
  }

  return {
    async rows(modelId, contextLength) {
      const asked = await models.summary(modelId)
      const { models: all } = await models.list()
      const claimed = asked.quantization?.sourceModelId ?? asked.id
      // Without its original a quantized model is compared with its siblings alone.
      const original = all.find((model) => model.id === claimed) ?? (claimed === asked.id ? asked : null)
      const versions = all.filter((model) => model.quantization?.sourceModelId === claimed)
      const ids = new Set([...versions.map((model) => model.id), ...(asked.id === original?.id ? [] : [asked.id])])
      const quantized = await Promise.all([...ids].map((id) => row(id, 'quantized', contextLength)))
      const first = original === null ? [] : [await row(original.id, 'original', contextLength)]
      return { sourceModelId: claimed, rows: [...first, ...quantized] }
    },
  }
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}
