/** `classify` and `embed`: what pictures show, and where they and texts lie in the model's space. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { AppError, type ErrorShape } from '../contract/errors.ts'
import { DEFAULT_PROMPT_TEMPLATE, promptTemplateSchema } from '../contract/vision.ts'
import type { Scores } from '../services/zero-shot.ts'
import { list } from './arguments.ts'
import { snakeCase, table, UsageError } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

interface ClassifyOptions extends CommonOptions {
  model: string
  labels: string[]
  template: string
}

interface EmbedOptions extends CommonOptions {
  model: string
  text?: string[]
}

/** Labels of a picture that are printed for people. */
const SHOWN = 3

export function addVisionCommands(program: Command, host: CliHost): void {
  const classifying = program
    .command('classify')
    .description('Say which of some labels each picture shows, by a model that reads pictures and texts (CLIP).')
    .argument('<image...>', 'PNG, JPEG or WebP files, or folders of them')
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .requiredOption('--labels <a,b,c>', 'labels, separated by commas', commaSeparated)
    .option('--template <text>', 'sentence that labels are put into, at {}', template, DEFAULT_PROMPT_TEMPLATE)
  common(classifying).action((images: string[], options: ClassifyOptions) =>
    runInSession(host, options, (session) => classify(session, images, options)),
  )
  const embedding = program
    .command('embed')
    .description('Embeddings of unit length of pictures and texts; with --json as numbers, else as their cosines.')
    .argument('[image...]', 'PNG, JPEG or WebP files, or folders of them')
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .option('--text <text>', 'a text; repeatable', list)
  common(embedding).action((images: string[], options: EmbedOptions) =>
    runInSession(host, options, (session) => embed(session, images, options)),
  )
}

async function classify(session: Session, images: string[], { model, labels, template }: ClassifyOptions) {
  const { services, signal, progress } = session
  const { id, path } = await services.models.open(model)
  const files = await pictureFiles(session, images)
  const scores = new Map<number, Scores>()
  const problems = new Map<number, ErrorShape>()
  const { prompts, seconds } = await services.zeroShot.classify(
    { modelId: id, images: files.map(asRef), labels, template },
    {
      signal,
      wait: true,
      onLoading: () => progress.note('loading the model'),
      onImage: (index, found) => void scores.set(index, found),
      onProblem: (index, error) => void problems.set(index, error),
    },
  )
  failIfAll(problems, files)
  const results = files.map((image, index) => {
    const found = scores.get(index)
    if (found === undefined) return { image, error: problems.get(index) }
    const ranked = labels
      .map((label, at) => ({ label, probability: found.probabilities[at] ?? 0, logit: found.logits[at] ?? 0 }))
      .sort((a, b) => b.probability - a.probability)
    return { image, label: ranked[0]?.label, scores: ranked }
  })
  const rows = results.map(({ image, error, scores: ranked }) => [
    image,
    error?.message ??
      (ranked ?? [])
        .slice(0, SHOWN)
        .map(({ label, probability }) => `${label} ${(probability * 100).toFixed(1)} %`)
        .join(', '),
  ])
  return {
    text: table(['picture', 'label'], rows),
    json: snakeCase({ model: path, template, prompts, seconds, results }),
  }
}

async function embed(session: Session, images: string[], { model, text = [] }: EmbedOptions) {
  const { services, signal, progress } = session
  if (images.length + text.length === 0) throw new UsageError('Name pictures, or give --text.')
  const { id, path } = await services.models.open(model)
  const files = await pictureFiles(session, images)
  const made = new Map<number, number[]>()
  const problems = new Map<number, ErrorShape>()
  const { texts, size, seconds } = await services.zeroShot.embed(
    { modelId: id, images: files.map(asRef), texts: text },
    {
      signal,
      wait: true,
      onLoading: () => progress.note('loading the model'),
      onImage: (index, embedding) => void made.set(index, embedding),
      onProblem: (index, error) => void problems.set(index, error),
    },
  )
  failIfAll(problems, files)
  const all = [
    ...files.map((name, index) => ({ name, embedding: made.get(index) ?? [] })),
    ...text.map((name, index) => ({ name, embedding: texts[index] ?? [] })),
  ]
  const cosine = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0).toFixed(4)
  const rows = all.map((a, index) => [`${index + 1}  ${a.name}`, ...all.map((b) => cosine(a.embedding, b.embedding))])
  return {
    text: table(['cosines', ...all.map((_, index) => String(index + 1))], rows),
    json: snakeCase({
      model: path,
      size,
      seconds,
      images: files.map((image, index) => ({ image, embedding: made.get(index), error: problems.get(index) })),
      texts: text.map((words, index) => ({ text: words, embedding: texts[index] })),
    }),
  }
}

/** Files as they are; folders by the pictures in them. */
async function pictureFiles({ services }: Session, paths: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const path of paths) {
    const info = await stat(path).catch(() => null)
    if (info?.isDirectory()) files.push(...(await services.pictures.list(path)).map((image) => image.path))
    else files.push(resolve(path))
  }
  return files
}

function asRef(path: string) {
  return { kind: 'file' as const, path }
}

/** One damaged picture among others is told beside it; when none could be read, the command has failed. */
function failIfAll(problems: ReadonlyMap<number, ErrorShape>, files: readonly string[]): void {
  const [first] = problems.values()
  if (first !== undefined && problems.size === files.length) throw AppError.fromShape(first)
}

function commaSeparated(text: string): string[] {
  const labels = text.split(',').map((label) => label.trim())
  if (labels.some((label) => label === '')) throw new InvalidArgumentError('Labels are words separated by commas.')
  return labels
}

export function template(text: string): string {
  if (!promptTemplateSchema.safeParse(text).success) {
    throw new InvalidArgumentError('A template holds {} where the label goes, e.g. "a photo of a {}".')
  }
  return text
}
