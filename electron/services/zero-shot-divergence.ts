/** How far a version of a model that compares pictures with texts is from its original: KL of what they make of labelled pictures. */
import { AppError } from '../contract/errors.ts'
import { type LabelDivergence, labelKl, summarizeLabelDivergence } from '../plan/label-divergence.ts'
import { type AccuracyCalls, type AccuracyDeps, type AccuracyRequest, pictureSet } from './accuracy.ts'
import { listLabelled } from './pictures-with-labels.ts'

export interface ZeroShotDivergence {
  summary: LabelDivergence
  protocol: Record<string, string | number>
  protocolKey: string
  seconds: number
}

/** Of all pictures that can be read; the labels are those of the folder. Throws `bad-input` where there are fewer than two. */
export async function measureZeroShotDivergence(
  deps: AccuracyDeps,
  { referenceId, modelId, dir, labels: file, template, wait }: AccuracyRequest & { referenceId: string },
  { signal, onProgress }: AccuracyCalls,
): Promise<ZeroShotDivergence> {
  const started = deps.clock()
  const pictures = await listLabelled(deps.pictures, dir, file)
  const { images, labels } = pictures
  if (images.length === 0 || labels.length < 2) {
    throw new AppError(
      'bad-input',
      'Divergence needs pictures with at least two labels. Check the folder and its labels.',
    )
  }
  const refs = images.map(({ path }) => ({ kind: 'file' as const, path }))
  const reference = new Map<number, number[]>()
  const found: { kl: number; sameTop: boolean }[] = []
  let done = 0
  const look = (id: string, onLogits: (index: number, logits: number[]) => void) => {
    const step = () => onProgress(++done, 2 * images.length)
    return deps.zeroShot.classify(
      { modelId: id, images: refs, labels, template },
      {
        ...{ signal, wait, onLoading() {}, onProblem: step },
        onImage(index, { logits }) {
          onLogits(index, logits)
          step()
        },
      },
    )
  }
  await look(referenceId, (index, logits) => void reference.set(index, logits))
  await look(modelId, (index, logits) => {
    const own = reference.get(index)
    if (own !== undefined) found.push({ kl: labelKl(own, logits), sameTop: top(own) === top(logits) })
  })
  const summary = summarizeLabelDivergence(found)
  if (summary === null) throw new AppError('bad-input', 'None of the pictures can be read.')
  const { vision } = await deps.models.summary(modelId)
  const protocol = {
    kind: 'zero-shot',
    pictures: summary.pictures,
    labels: labels.length,
    template,
    imageSize: vision?.imageSize ?? 0,
    set: pictureSet(pictures, []),
    computeDtype: deps.defaults().computeDtype,
  }
  return {
    summary,
    protocol,
    protocolKey: ['divergence', `from=${referenceId}`, ...Object.values(protocol)].join('|'),
    seconds: (deps.clock() - started) / 1000,
  }
}

function top(logits: readonly number[]): number {
  return logits.indexOf(Math.max(...logits))
}
