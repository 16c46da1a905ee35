/** Which models belong together: an original and what was made from it. Pure. */
import type { ModelSummary } from '../../electron/contract/domain.ts'

/** Models that are not known to be made from another one that is here. */
export function sourcesOf(models: readonly ModelSummary[]): ModelSummary[] {
  const ids = new Set(models.map(({ id }) => id))
  return models.filter(({ quantization }) => {
    const source = quantization?.sourceModelId
    return source === undefined || source === null || !ids.has(source)
  })
}

/** The original of the family that `modelId` belongs to. */
export function familyOf(models: readonly ModelSummary[], modelId: string | undefined): ModelSummary | undefined {
  const model = models.find(({ id }) => id === modelId)
  const sourceId = model?.quantization?.sourceModelId
  return models.find(({ id }) => id === sourceId) ?? model
}
