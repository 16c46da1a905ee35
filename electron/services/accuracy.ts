/**
 * How often a model that sees is right about the pictures of a folder: by zero-shot labels, or, for one that writes, by questions
 * answered to the letter. With everything on record that a comparison depends on.
 */
import type { ChatResult } from '../contract/app.ts'
import { AppError } from '../contract/errors.ts'
import type { AccuracyResult, PictureResult, VisionSummary } from '../contract/vision.ts'
import { generate } from './generation.ts'
import { type LabelledPictures, listLabelled } from './pictures-with-labels.ts'
import { endIds } from './prompt.ts'
import { preparePrompt } from './seen-prompt.ts'
import { sha256 } from './source-hashes.ts'
import type { ZeroShot, ZeroShotDeps } from './zero-shot.ts'

export interface AccuracyDeps extends ZeroShotDeps {
  zeroShot: ZeroShot
}

export interface AccuracyRequest {
  modelId: string
  dir: string
  /** Null: each subfolder is a label. */
  labels: string | null
  template: string
  wait: boolean
}

export interface AccuracyCalls {
  signal: AbortSignal
  onProgress(done: number, total: number): void
}

/** Answers are as short as what they are compared with. */
const ANSWER_TOKENS = 96
const QUESTION_CONTEXT = 4096

export async function measureAccuracy(
  deps: AccuracyDeps,
  request: AccuracyRequest,
  calls: AccuracyCalls,
): Promise<AccuracyResult> {
  const started = deps.clock()
  const { name, vision } = await deps.models.summary(request.modelId)
  if (vision === undefined) throw new AppError('unsupported', `${name} reads text alone; it sees no pictures.`)
  const pictures = await listLabelled(deps.pictures, request.dir, request.labels)
  const kind = vision.kind === 'llava' ? 'questions' : 'labels'
  const { results, problems } =
    kind === 'questions' ? await ask(deps, request, pictures, calls) : await label(deps, request, pictures, calls)
  const share = (right: number) => right / results.length
  const protocol = protocolOf(kind, request, pictures, results, deps.defaults().computeDtype, vision)
  return {
    kind,
    top1: share(results.filter(({ correct }) => correct).length),
    top5: kind === 'labels' ? share(results.filter(({ rank }) => rank !== null && rank <= 5).length) : null,
    total: results.length,
    results,
    problems,
    protocol,
    protocolKey: ['accuracy', ...Object.values(protocol)].join('|'),
    seconds: (deps.clock() - started) / 1000,
  }
}

/** Changes when the pictures, their labels or what is asked about them do; not with the place of the folder. */
export function pictureSet({ images, labels }: LabelledPictures, asked: readonly unknown[]): string {
  const sizes = images.map(({ name, bytes }) => [name, bytes])
  return sha256(JSON.stringify([asked, sizes, labels])).slice(0, 16)
}

function protocolOf(
  kind: AccuracyResult['kind'],
  { template }: AccuracyRequest,
  pictures: LabelledPictures,
  results: readonly PictureResult[],
  computeDtype: string,
  { imageSize }: VisionSummary,
): AccuracyResult['protocol'] {
  const asked = results.map(({ image, question, expected }) => [image, question, expected])
  const set = pictureSet(pictures, asked)
  const { labels } = pictures
  return kind === 'labels'
    ? { kind, pictures: results.length, labels: labels.length, template, imageSize, set, computeDtype }
    : { kind, questions: results.length, imageSize, set, computeDtype }
}

type Measured = Pick<AccuracyResult, 'results' | 'problems'>

async function label(
  { zeroShot }: AccuracyDeps,
  { modelId, template, wait }: AccuracyRequest,
  { images, labels }: LabelledPictures,
  { signal, onProgress }: AccuracyCalls,
): Promise<Measured> {
  const labelled = images.flatMap(({ label: expected, ...image }) =>
    expected === null ? [] : [{ ...image, expected }],
  )
  if (labelled.length === 0 || labels.length < 2) {
    throw new AppError(
      'bad-input',
      'Accuracy needs pictures with at least two labels. Check the folder and its labels.',
    )
  }
  const results = labelled.map(({ name: image, expected }): PictureResult => {
    return { image, question: null, expected, answer: '', rank: null, correct: false }
  })
  const problems: AccuracyResult['problems'] = []
  let done = 0
  await zeroShot.classify(
    { modelId, images: labelled.map(({ path }) => ({ kind: 'file', path })), labels, template },
    {
      signal,
      wait,
      onLoading() {},
      onImage(index, { logits }) {
        const result = results[index]
        if (result === undefined) return
        const own = logits[labels.indexOf(result.expected)] ?? 0
        result.rank = 1 + logits.filter((logit) => logit > own).length
        result.answer = labels[logits.indexOf(Math.max(...logits))] ?? ''
        result.correct = result.answer === result.expected
        onProgress(++done, results.length)
      },
      onProblem(index, error) {
        problems.push({ image: results[index]?.image ?? '', error })
        onProgress(++done, results.length)
      },
    },
  )
  return { results, problems }
}

async function ask(
  deps: AccuracyDeps,
  { modelId, wait }: AccuracyRequest,
  { images, questions }: LabelledPictures,
  { signal, onProgress }: AccuracyCalls,
): Promise<Measured> {
  const model = await deps.models.summary(modelId)
  if (questions.length === 0) {
    throw new AppError('bad-input', `${model.name} answers questions: its labels need "file,question,answer".`)
  }
  const paths = new Map(images.map(({ name, path }) => [name, path]))
  const contextLength = Math.min(QUESTION_CONTEXT, model.config?.contextLength ?? QUESTION_CONTEXT)
  const stopIds = await endIds(deps.tokenizers, model.path)
  const spec = { ...deps.defaults(), dir: model.path, contextLength, fast: false }
  const results: PictureResult[] = []
  const problems: AccuracyResult['problems'] = []
  await deps.loaded.use(spec, { purpose: `questions to ${model.name}`, signal, wait }, async ({ handle }) => {
    for (const { file, question, answer: expected } of questions) {
      const path = paths.get(file)
      if (path === undefined) throw new AppError('not-found', `The folder has no picture ${file} that the labels name.`)
      const content = { role: 'user', content: question, images: [{ kind: 'file' as const, path }] }
      const prompt = await preparePrompt(deps, model, { kind: 'messages', messages: [content] })
      const request = { dir: model.path, handle, ids: prompt.ids, pixels: prompt.pixels, stopIds, sampling: GREEDY }
      const { text }: ChatResult = await generate(deps, request, signal, () => {})
      if (signal.aborted) throw new AppError('cancelled', 'cancelled')
      const answer = text.trim()
      results.push({ image: file, question, expected, answer, rank: null, correct: answer === expected.trim() })
      onProgress(results.length, questions.length)
    }
  })
  return { results, problems }
}

const GREEDY = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  seed: 0,
  maxNewTokens: ANSWER_TOKENS,
  stopStrings: [],
}
