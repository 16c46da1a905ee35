/** Reads model folders through the engine and remembers what it read until the files change. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, toAppError } from '../contract/errors.ts'
import type { Engine } from './engine.ts'
import { GGUF_LINK } from './gguf/folders.ts'
import { type ModelConfig, readModelConfig } from './model-config.ts'
import { type ModelFacts, modelFacts } from './model-facts.ts'

export interface ModelFolder {
  dir: string
  /** Null when config.json cannot be used at all; `problem` says why. */
  config: ModelConfig | null
  /** Null when the weights cannot be read; `problem` says why. */
  facts: ModelFacts | null
  problem: AppError | null
  /** The same for quantizing: an architecture that cannot be run is no hindrance. */
  quantizeProblem: AppError | null
}

export interface ModelReader {
  /** Never rejects for a broken folder: the problem is part of the answer. */
  read(dir: string): Promise<ModelFolder>
}

export function createModelReader(engine: Engine): ModelReader {
  const known = new Map<string, { stamp: string; folder: Promise<ModelFolder> }>()

  return {
    async read(dir) {
      const stamp = await stampOf(dir)
      const found = known.get(dir)
      if (found?.stamp === stamp) return found.folder
      const folder = readFolder(engine, dir)
      known.set(dir, { stamp, folder })
      const { problem } = await folder
      // A dead engine says nothing about the folder; ask again next time.
      if (problem !== null && TRANSIENT.includes(problem.code)) known.delete(dir)
      return folder
    },
  }
}

const TRANSIENT: readonly string[] = ['engine-lost', 'connection-lost', 'busy', 'cancelled', 'internal']

async function readFolder(engine: Engine, dir: string): Promise<ModelFolder> {
  const config = await attempt(() => readModelConfig(dir))
  const inspection = await attempt(() => engine.call('model.inspect', { dir }))
  const usable = config instanceof AppError ? null : config
  return {
    dir,
    config: usable,
    facts:
      inspection instanceof AppError ? null : modelFacts(inspection, usable?.summary ?? null, usable?.vision ?? null),
    problem: firstError(config, usable?.problem, inspection),
    quantizeProblem: firstError(config, usable?.problem?.code === 'unsupported' ? null : usable?.problem, inspection),
  }
}

async function attempt<T>(read: () => Promise<T>): Promise<T | AppError> {
  try {
    return await read()
  } catch (error) {
    return toAppError(error)
  }
}

function firstError(...values: readonly unknown[]): AppError | null {
  return values.find((value) => value instanceof AppError) ?? null
}

/** Changes when a file of the folder that matters is replaced. */
async function stampOf(dir: string): Promise<string> {
  const names = await readdir(dir).catch(() => [])
  const relevant = names.filter((name) => isWeights(name) || name.endsWith('.json')).sort()
  const stamps = await Promise.all(
    relevant.map(async (name) => {
      const info = await stat(join(dir, name)).catch(() => null)
      return `${name}:${info?.size}:${info?.mtimeMs}`
    }),
  )
  return stamps.join('|')
}

/** Whether a folder looks like a model, without reading it. */
export async function looksLikeModel(dir: string): Promise<boolean> {
  const names: string[] = await readdir(dir).catch(() => [])
  return names.includes('config.json') && names.some(isWeights)
}

/** What the engine looks for: Python's hqq saves qmodel.pt, older models are in PyTorch's files. */
const TORCH_WEIGHTS = /^(qmodel\.pt|pytorch_model[\w.-]*\.bin)$/

/** By the name of a file; which of several is read is the engine's choice. */
export function isWeights(name: string): boolean {
  return name.endsWith('.safetensors') || name === GGUF_LINK || TORCH_WEIGHTS.test(name)
}
