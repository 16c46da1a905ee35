/** Typed access to the key-value metadata of a GGUF file. What is missing or of another type is an error that names file and key. */

import type { EngineContract } from '../../contract/engine.ts'
import { AppError } from '../../contract/errors.ts'
import type { OutputOf } from '../../contract/method.ts'

export type GgufInspection = OutputOf<EngineContract['gguf.inspect']>

export interface GgufMetadata {
  readonly path: string
  /** `general.architecture`, which prefixes the keys of the model's shape. */
  readonly architecture: string
  /** Keys without a dot-prefix of their own get the architecture's: `block_count` is `llama.block_count`. */
  number(key: string): number
  numberOr<T>(key: string, fallback: T): number | T
  textOr<T>(key: string, fallback: T): string | T
  flagOr(key: string, fallback: boolean): boolean
  texts(key: string): readonly string[]
  numbersOr<T>(key: string, fallback: T): readonly number[] | T
  hasTensor(name: string): boolean
  shapeOf(tensor: string): readonly number[] | null
  /** Values of a small tensor of rotary frequencies. */
  rope(name: string): readonly number[] | null
}

export function ggufMetadata(path: string, { metadata, tensors, rope }: GgufInspection): GgufMetadata {
  const shapes = new Map(tensors.map((tensor) => [tensor.name, tensor.shape]))
  const architecture = textOf(metadata['general.architecture']) ?? ''
  const lookUp = (key: string): unknown =>
    metadata[key.includes('.') && key in metadata ? key : `${architecture}.${key}`]

  function bad(key: string): AppError {
    return new AppError('bad-file', `${path} does not say "${key}" as it should. Download it again.`)
  }

  function numberOr<T>(key: string, fallback: T): number | T {
    const value = lookUp(key)
    if (value === undefined) return fallback
    // Some architectures list one number per layer; they are the same in every layer of those that run here.
    const first: unknown = Array.isArray(value) ? value[0] : value
    if (typeof first !== 'number') throw bad(key)
    return first
  }

  return {
    path,
    architecture,
    numberOr,
    number(key) {
      const value = numberOr(key, null)
      if (value === null) throw bad(key)
      return value
    },
    textOr(key, fallback) {
      const value = lookUp(key)
      if (value === undefined) return fallback
      if (typeof value !== 'string') throw bad(key)
      return value
    },
    flagOr(key, fallback) {
      const value = lookUp(key)
      if (value === undefined) return fallback
      if (typeof value !== 'boolean') throw bad(key)
      return value
    },
    texts(key) {
      const value = lookUp(key)
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw bad(key)
      return value
    },
    numbersOr(key, fallback) {
      const value = lookUp(key)
      if (value === undefined) return fallback
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'number')) throw bad(key)
      return value
    },
    hasTensor: (name) => shapes.has(name),
    shapeOf: (name) => shapes.get(name) ?? null,
    rope: (name) => rope[name] ?? null,
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
