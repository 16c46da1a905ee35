/** What a report measures on pictures: whatever was measured on some, the model and its original on the same. */
import type { EvaluateRequest, Measurement } from '../contract/domain.ts'
import type { JobContext, JobKind, RequestOf } from './job-kind.ts'
import type { Measurements } from './measurements.ts'
import type { Models } from './models.ts'

export interface ReportPicturesDeps {
  models: Models
  measurements: Measurements
  evaluate: JobKind<RequestOf<'evaluate'>>
}

/** Nothing where neither was ever measured on pictures: no folder suits all models. */
export async function fillPictures(
  { models, measurements, evaluate }: ReportPicturesDeps,
  { modelId, originalId, measure }: { modelId: string; originalId: string | null; measure: 'missing' | 'all' },
  context: JobContext,
): Promise<void> {
  const figures = async (id: string) => (await measurements.of(id)).measurements
  const both = originalId === null ? [modelId] : [modelId, originalId]
  const known = (await Promise.all(both.map(figures))).flat().filter(isAccuracy)
  const [sample] = known.sort((a, b) => b.at.localeCompare(a.at))
  const pictures = sample === undefined ? null : picturesOf(sample)
  if (sample === undefined || pictures === null) return
  for (const id of both) {
    const has = (await figures(id)).some((one) => isAccuracy(one) && one.protocolKey === sample.protocolKey)
    if (!has || measure === 'all') await run(id, ['accuracy'])
  }
  if (originalId === null || (await models.summary(modelId)).vision?.kind !== 'clip') return
  const hasKl = (await figures(modelId)).some(
    ({ metric, protocolKey }) => metric === 'mean-kl' && protocolKey.includes(`|from=${originalId}|`),
  )
  if (!hasKl || measure === 'all') await run(modelId, ['divergence'])

  async function run(id: string, metrics: EvaluateRequest['metrics']): Promise<void> {
    const reference = originalId === null ? {} : { referenceModelId: originalId }
    const onText = { text: { kind: 'bundled' as const }, protocol: 'windows' as const, window: 512, stride: 512 }
    await evaluate.run(
      { ...{ modelId: id, metrics, maxTokens: null }, ...onText, ...reference, pictures: pictures ?? undefined },
      context,
    )
  }
}

function isAccuracy({ metric }: Measurement): boolean {
  return metric === 'accuracy' || metric === 'answer-accuracy'
}

function picturesOf({ protocol }: Measurement): NonNullable<EvaluateRequest['pictures']> | null {
  const { folder, labelsFrom, template } = protocol
  if (typeof folder !== 'string' || typeof labelsFrom !== 'string') return null
  const labels = labelsFrom === 'subfolders' ? null : labelsFrom
  return { dir: folder, labels, template: typeof template === 'string' ? template : '{}' }
}
