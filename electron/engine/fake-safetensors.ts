/** The little of safetensors that the fake engine needs: headers of real files, and files of its own with the right shape. */
import { closeSync, ftruncateSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { TensorInfo } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int()),
  data_offsets: z.tuple([z.number().int(), z.number().int()]),
})
const headerSchema = z.record(z.string(), z.unknown())

export interface FakeWeights {
  files: { name: string; bytes: number }[]
  tensors: TensorInfo[]
  metadata: Record<string, string>
}

/** Headers of all weight files in a folder. Throws `not-found` without any, `bad-file` for one that is cut off. */
export function readWeights(dir: string): FakeWeights {
  const names = readdirSync(dir).filter((name) => name.endsWith('.safetensors'))
  if (names.length === 0) throw new AppError('not-found', `${dir} has no .safetensors file.`)
  const weights: FakeWeights = { files: [], tensors: [], metadata: {} }
  for (const name of names.sort()) readOne(dir, name, weights)
  return weights
}

function readOne(dir: string, name: string, into: FakeWeights): void {
  const path = join(dir, name)
  const bytes = statSync(path).size
  const { header, end } = readHeader(path, bytes)
  into.files.push({ name, bytes })
  for (const [tensor, value] of Object.entries(header)) {
    if (tensor === '__metadata__') {
      Object.assign(into.metadata, z.record(z.string(), z.string()).parse(value))
      continue
    }
    const { dtype, shape, data_offsets } = entrySchema.parse(value)
    if (end + data_offsets[1] > bytes) throw truncated(path)
    into.tensors.push({ name: tensor, dtype, shape, bytes: data_offsets[1] - data_offsets[0], file: name })
  }
}

function readHeader(path: string, bytes: number): { header: Record<string, unknown>; end: number } {
  const file = openSync(path, 'r')
  try {
    const size = Buffer.alloc(8)
    if (readSync(file, size) < 8) throw truncated(path)
    const length = Number(size.readBigUInt64LE())
    if (length > bytes - 8) throw truncated(path)
    const text = Buffer.alloc(length)
    readSync(file, text)
    return { header: headerSchema.parse(JSON.parse(text.toString('utf8'))), end: 8 + length }
  } finally {
    closeSync(file)
  }
}

function truncated(path: string): AppError {
  return new AppError('bad-file', `${path} is shorter than its header says. Download it again.`)
}

export interface FakeTensor {
  name: string
  dtype: string
  shape: readonly number[]
  bytes: number
}

/** Writes a file with these tensors; the data is a hole in the file, so size costs nothing. */
export function writeWeights(path: string, tensors: readonly FakeTensor[], metadata: Record<string, string>): number {
  let offset = 0
  const header: Record<string, unknown> = { __metadata__: metadata }
  for (const { name, dtype, shape, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] }
    offset += bytes
  }
  const text = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  const file = openSync(path, 'w')
  writeSync(file, Buffer.concat([size, text]))
  ftruncateSync(file, 8 + text.length + offset)
  closeSync(file)
  return 8 + text.length + offset
}
