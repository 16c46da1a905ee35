/** The text a measurement is made on, and its token ids in a file for the engine. */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TextSource } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import { type DatasetPart, nameOf } from '../hub/dataset-text.ts'
import { toWriteError } from '../storage/atomic-write.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import { sha256 } from './source-hashes.ts'

export interface EvaluationText {
  text: string
  sha256: string
  /** For people: "bundled" or the file's path. */
  name: string
}

/** Reads a dataset as one text. */
export type ReadDataset = (part: DatasetPart) => Promise<string>

/** Throws `not-found` for a file that cannot be read, `bad-input` for an empty one, and what fetching a dataset throws. */
export async function readEvaluationText(
  source: TextSource,
  bundledPath: string,
  readDataset: ReadDataset,
): Promise<EvaluationText> {
  if (source.kind === 'dataset') {
    const text = await readDataset(source)
    if (text.trim() === '')
      throw new AppError('bad-input', `${nameOf(source)} is empty. Choose another split or column.`)
    return { text, sha256: sha256(text), name: nameOf(source) }
  }
  return source.kind === 'bundled' ? readTextFile(bundledPath, 'bundled') : readTextFile(source.path)
}

/** Throws `not-found` for a file that cannot be read, `bad-input` for an empty one. */
export async function readTextFile(path: string, name = path): Promise<EvaluationText> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new AppError('not-found', `The text file ${path} cannot be read. Choose another file.`, undefined, {
      cause: error,
    })
  })
  const text = bytes.toString('utf8')
  if (text.trim() === '') throw new AppError('bad-input', `The text file ${path} is empty. Choose another file.`)
  return { text, sha256: sha256(bytes), name }
}

export interface TokenizedText {
  ids: readonly number[]
  /** What the tokenizer put before the text by itself, usually BOS. */
  specialIds: readonly number[]
}

export async function tokenize(
  tokenizers: Tokenizers,
  dir: string,
  text: string,
  signal: AbortSignal,
): Promise<TokenizedText> {
  const specialIds = await tokenizers.encode(dir, '', { addSpecialTokens: true, signal })
  return { ids: await tokenizers.encode(dir, text, { addSpecialTokens: true, signal }), specialIds }
}

/** Runs `work` with a file that holds the ids, and removes the file. */
export async function withIdsFile<T>(
  folder: string,
  ids: readonly number[],
  work: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(folder, `ids-${randomUUID()}.json`)
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(path, JSON.stringify(ids))
  } catch (error) {
    throw toWriteError(error, path)
  }
  try {
    return await work(path)
  } finally {
    await rm(path, { force: true })
  }
}
