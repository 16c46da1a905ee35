/**
 * What pictures show, or what is asked about them, as people write it down: a CSV with a header (`file,label` or
 * `file,question,answer`), JSON in one of a few shapes, or no file at all: then each subfolder is a label.
 */
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { z } from 'zod'
import { AppError } from '../contract/errors.ts'

export interface Labels {
  /** By name of the picture, as it stands in the file. */
  labels: Map<string, string>
  questions: { file: string; question: string; answer: string }[]
}

const questionSchema = z.object({ question: z.string(), answer: z.string() })
const entrySchema = z.looseObject({
  file: z.string(),
  label: z.string().optional(),
  caption: z.string().optional(),
  question: z.string().optional(),
  answer: z.string().optional(),
  questions: z.array(questionSchema).optional(),
})
const jsonSchema = z.union([
  z.array(entrySchema),
  z.looseObject({ images: z.array(entrySchema) }).transform(({ images }) => images),
  z
    .record(z.string(), z.string())
    .transform((labels) =>
      Object.entries(labels).map(([file, label]): z.infer<typeof entrySchema> => ({ file, label })),
    ),
])

/** Throws `not-found`, or `bad-file` naming what is wrong. */
export async function readLabels(path: string): Promise<Labels> {
  const text = await readFile(path, 'utf8').catch((cause) => {
    throw new AppError('not-found', `The file of labels ${path} cannot be read.`, undefined, { cause })
  })
  const found: Labels = { labels: new Map(), questions: [] }
  for (const entry of path.toLowerCase().endsWith('.json') ? jsonEntries(text, path) : csvEntries(text, path)) {
    const { file, question, answer, questions = [] } = entry
    // A caption says what a picture shows where nothing shorter does.
    const label = entry.label ?? entry.caption
    if (label !== undefined) found.labels.set(file, label)
    if (question !== undefined && answer !== undefined) found.questions.push({ file, question, answer })
    for (const one of questions) found.questions.push({ file, ...one })
  }
  if (found.labels.size + found.questions.length > 0) return found
  throw new AppError(
    'bad-file',
    `${path} names no labels and no questions. It needs "file,label" or "file,question,answer".`,
  )
}

/** The label of a picture by its name below the folder, or by the name alone; without a file the folder it is in. */
export function labelOf(name: string, labels: Labels | null): string | null {
  if (labels !== null) return labels.labels.get(name) ?? labels.labels.get(basename(name)) ?? null
  const folder = basename(dirname(name))
  return folder === '.' || folder === '' ? null : folder
}

function jsonEntries(text: string, path: string): z.infer<typeof jsonSchema> {
  try {
    return jsonSchema.parse(JSON.parse(text))
  } catch (cause) {
    const expected = 'an object of file names and labels, or a list of objects with "file" and "label"'
    throw new AppError('bad-file', `${path} is not ${expected}.`, undefined, { cause })
  }
}

function csvEntries(text: string, path: string): z.infer<typeof entrySchema>[] {
  const [header = [], ...rows] = csvRows(text)
  const columns = header.map((name) => name.trim().toLowerCase())
  if (!columns.includes('file')) {
    throw new AppError('bad-file', `The first line of ${path} must name its columns, e.g. "file,label".`)
  }
  return rows.map((row) => {
    const cell = (name: string) => {
      const at = columns.indexOf(name)
      return at < 0 ? undefined : row[at]
    }
    const entry = { file: cell('file') ?? '', label: cell('label'), question: cell('question'), answer: cell('answer') }
    return entrySchema.parse(Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)))
  })
}

/** RFC 4180: quotes around cells that hold commas, quotes or line breaks. */
function csvRows(text: string): string[][] {
  const rows: string[][] = [[]]
  const cell = /("(?:[^"]|"")*"|[^,\r\n]*)(,|\r?\n|$)/g
  for (const [, raw = '', end] of text.replace(/^\uFEFF/, '').matchAll(cell)) {
    rows.at(-1)?.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw)
    if (end === '') break
    if (end !== ',') rows.push([])
  }
  return rows.filter((row) => row.some((value) => value !== ''))
}
