/** Pictures and texts in one space: zero-shot classification, embeddings, search. The engine embeds; the rest is arithmetic. */
import { AppError, type ErrorShape, toAppError } from '../contract/errors.ts'
import type { ImageRef, VisionSummary } from '../contract/vision.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import type { PixelValues } from '../vision/pixel-values.ts'
import type { RunOptions } from './chat.ts'
import type { Engine } from './engine.ts'
import type { LoadedModels, LoadSpec, Turn } from './loaded-models.ts'
import type { Models } from './models.ts'
import type { Pictures } from './pictures.ts'
import { preparePicture, readPreprocessing, withPixelsFile } from './pixels.ts'

export interface ZeroShotDeps {
  engine: Engine
  tokenizers: Tokenizers
  models: Models
  loaded: LoadedModels
  pictures: Pictures
  defaults(): RunOptions
  /** For pixel values, while they are looked at. */
  tempDir: string
  /** Milliseconds from any origin. */
  clock(): number
}

export interface EmbedRequest {
  modelId: string
  images: readonly ImageRef[]
  texts: readonly string[]
}

export interface EmbedCalls {
  signal: AbortSignal
  /** Wait for other work instead of throwing `busy`. */
  wait: boolean
  onLoading(): void
  onImage(index: number, embedding: number[], logitScale: number): void | Promise<void>
  /** This picture cannot be read; the others go on. */
  onProblem(index: number, error: ErrorShape): void
}

export interface Embedded {
  texts: number[][]
  size: number
  seconds: number
}

export interface ZeroShot {
  /** Texts first, so that `onTexts` has them before the first picture comes. */
  embed(request: EmbedRequest, calls: EmbedCalls & { onTexts?(texts: number[][]): void }): Promise<Embedded>
  classify(
    request: { modelId: string; images: readonly ImageRef[]; labels: readonly string[]; template: string },
    calls: Omit<EmbedCalls, 'onImage'> & { onImage(index: number, scores: Scores): void },
  ): Promise<{ prompts: string[]; seconds: number }>
  search(
    request: { modelId: string; images: readonly ImageRef[]; query: SearchQuery; limit: number },
    calls: Omit<EmbedCalls, 'onImage'> & { onProgress(done: number, total: number): void },
  ): Promise<{ index: number; similarity: number }[]>
}

export interface Scores {
  logits: number[]
  probabilities: number[]
}

export type SearchQuery = { kind: 'text'; text: string } | { kind: 'image'; image: ImageRef }

/** Pictures that go to the engine together: enough to hide what a request costs, few enough for its memory. */
const BATCH = 16
/** Embeddings of pictures that are remembered between searches. */
const REMEMBERED = 50_000

export function createZeroShot(deps: ZeroShotDeps): ZeroShot {
  const { engine, models, loaded, tokenizers, pictures, tempDir } = deps
  const remembered = new Map<string, number[]>()

  /** Throws `unsupported` for a model that cannot compare pictures, or not with texts. */
  async function seeing(modelId: string, withTexts: boolean): Promise<Seeing> {
    const { path, name, vision } = await models.summary(modelId)
    if (vision === undefined) throw new AppError('unsupported', `${name} reads text alone; it sees no pictures.`)
    if (vision.kind === 'llava') {
      throw new AppError(
        'unsupported',
        `${name} writes about pictures and has no embeddings to compare. Ask it in a chat.`,
      )
    }
    if (withTexts && vision.kind !== 'clip') {
      throw new AppError('unsupported', `${name} has no text tower, so pictures cannot be compared with texts.`)
    }
    return { dir: path, name, vision }
  }

  const embed: ZeroShot['embed'] = async (request, calls) => {
    const { dir, name, vision } = await seeing(request.modelId, request.texts.length > 0)
    const steps = await readPreprocessing(dir, vision)
    const texts = await Promise.all(
      request.texts.map((text) => tokenizers.encode(dir, text, { addSpecialTokens: true, signal: calls.signal })),
    )
    const { signal } = calls
    const turn: Turn = { purpose: `the pictures for ${name}`, signal, wait: calls.wait }
    const started = deps.clock()
    return loaded.use(
      specOf(deps, dir),
      turn,
      async ({ handle }) => {
        const options = { signal, onEvent() {} }
        const read = await engine.stream('vision.embed', { handle, pixelsFile: null, texts }, options)
        calls.onTexts?.(read.texts)
        const flush = async (batch: Prepared[]) => {
          const made = await withPixelsFile(
            tempDir,
            batch.map(({ pixels }) => pixels),
            (pixelsFile) => engine.stream('vision.embed', { handle, pixelsFile, texts: [] }, options),
          )
          for (const [at, { index }] of batch.entries())
            await calls.onImage(index, made.images[at] ?? [], made.logitScale)
        }
        await inBatches(request.images, (image) => preparePicture(pictures, image, steps), flush, calls)
        return { texts: read.texts, size: read.size, seconds: (deps.clock() - started) / 1000 }
      },
      calls.onLoading,
    )
  }

  return {
    embed,
    async classify({ modelId, images, labels, template }, calls) {
      const prompts = labels.map((label) => template.replaceAll('{}', label))
      let texts: number[][] = []
      const { seconds } = await embed(
        { modelId, images, texts: prompts },
        {
          ...calls,
          onTexts(made) {
            texts = made
          },
          onImage: (index, embedding, scale) => calls.onImage(index, scoresOf(embedding, texts, scale)),
        },
      )
      return { prompts, seconds }
    },
    async search({ modelId, images, query, limit }, calls) {
      const { dir } = await models.summary(modelId).then(({ path }) => ({ dir: path }))
      const keys = await Promise.all(images.map(async (image) => `${dir}\n${await pictures.stamp(image)}`))
      const found = new Map<number, number[]>()
      for (const [index, key] of keys.entries()) {
        const known = remembered.get(key)
        if (known !== undefined) found.set(index, known)
      }
      const missing = images.flatMap((image, index) => (found.has(index) ? [] : [{ image, index }]))
      const asked = query.kind === 'image' ? [query.image] : []
      let wanted: number[] = []
      const report = () => calls.onProgress(found.size, images.length)
      await embed(
        {
          modelId,
          images: [...asked, ...missing.map(({ image }) => image)],
          texts: query.kind === 'text' ? [query.text] : [],
        },
        {
          ...calls,
          onTexts(texts) {
            wanted = texts[0] ?? []
          },
          onImage(at, embedding) {
            const place = missing[at - asked.length]
            if (place === undefined) wanted = embedding
            else {
              found.set(place.index, embedding)
              remember(remembered, keys[place.index] ?? '', embedding)
              report()
            }
          },
          onProblem(at, error) {
            const place = missing[at - asked.length]
            // Without the picture to look for there is nothing to look for.
            if (place === undefined) throw AppError.fromShape(error)
            calls.onProblem(place.index, error)
          },
        },
      )
      const hits = [...found].map(([index, embedding]) => ({ index, similarity: dot(embedding, wanted) }))
      return hits.sort((a, b) => b.similarity - a.similarity || a.index - b.index).slice(0, limit)
    },
  }
}

interface Seeing {
  dir: string
  name: string
  vision: VisionSummary
}

interface Prepared {
  index: number
  pixels: PixelValues
}

/** Measurements are compared by their numbers, so nothing is rounded for speed. Towers have no cache to size. */
function specOf({ defaults }: ZeroShotDeps, dir: string): LoadSpec {
  return { ...defaults(), dir, fast: false, contextLength: 1 }
}

/** Reads pictures one after the other, so that memory does not grow with their number; a batch has one size. */
async function inBatches(
  images: readonly ImageRef[],
  prepare: (image: ImageRef) => Promise<PixelValues>,
  flush: (batch: Prepared[]) => Promise<void>,
  { signal, onProblem }: Pick<EmbedCalls, 'signal' | 'onProblem'>,
): Promise<void> {
  let batch: Prepared[] = []
  for (const [index, image] of images.entries()) {
    if (signal.aborted) throw new AppError('cancelled', 'cancelled')
    const pixels = await prepare(image).catch((error: unknown) => toAppError(error))
    if (pixels instanceof AppError) {
      onProblem(index, pixels.toShape())
      continue
    }
    const [first] = batch
    const fits = first === undefined || (first.pixels.width === pixels.width && first.pixels.height === pixels.height)
    if (!fits || batch.length === BATCH) {
      await flush(batch)
      batch = []
    }
    batch.push({ index, pixels })
  }
  if (batch.length > 0) await flush(batch)
}

function scoresOf(image: readonly number[], texts: readonly (readonly number[])[], scale: number): Scores {
  const logits = texts.map((text) => dot(image, text) * scale)
  const highest = Math.max(...logits)
  const shares = logits.map((logit) => Math.exp(logit - highest))
  const sum = shares.reduce((total, share) => total + share, 0)
  return { logits, probabilities: shares.map((share) => share / sum) }
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
}

function remember(known: Map<string, number[]>, key: string, embedding: number[]): void {
  known.set(key, embedding)
  const [oldest] = known.keys()
  if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest)
}
