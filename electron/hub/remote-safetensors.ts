/** What tensors a model on the Hub has, from the headers of its weight files: a few kilobytes of each, by Range. */
import { z } from 'zod'
import type { TensorInfo } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import { createFileSource, type RepoFile } from './file-source.ts'
import { type HubClient, type RepoName, toHubError } from './hub-client.ts'
import { type RetryPolicy, Transient, withRetries } from './retry.ts'

export interface RemoteHeader {
  readonly file: RepoFile
  /** The header as it lies at the start of the file, its length included. */
  readonly bytes: Buffer
  readonly tensors: readonly (TensorInfo & { begin: number; end: number })[]
}

export interface HeaderOptions {
  client: HubClient
  repo: RepoName
  commit: string
  files: readonly RepoFile[]
  /** Tensors in each file, where an index tells; decides how much is asked for at first. */
  tensorCounts: ReadonlyMap<string, number>
  retry: RetryPolicy
  signal: AbortSignal
  onFetched(bytes: number): void
}

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
})

/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000
/** A tensor's line is rarely longer, with a name of 60 letters. */
const BYTES_PER_TENSOR = 160
const FIRST_BYTES = 16_384
const PARALLEL = 6

/** Throws `bad-file` for headers that make no sense. */
export async function readRemoteHeaders(options: HeaderOptions): Promise<RemoteHeader[]> {
  const waiting = options.files.map((file, index) => ({ file, index }))
  const found: RemoteHeader[] = new Array(waiting.length)
  await Promise.all(
    Array.from({ length: Math.min(PARALLEL, waiting.length) }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        found[next.index] = await readHeader(options, next.file)
      }
    }),
  )
  return found
}

async function readHeader(options: HeaderOptions, file: RepoFile): Promise<RemoteHeader> {
  const count = options.tensorCounts.get(file.path)
  const guess = count === undefined ? FIRST_BYTES : Math.max(1024, count * BYTES_PER_TENSOR)
  const start = await readRange(options, file, 0, Math.min(file.bytes, guess))
  const length = start.length < 8 ? Number.POSITIVE_INFINITY : Number(start.readBigUInt64LE()) + 8
  if (length > MAX_HEADER_BYTES || length > file.bytes) throw notSafetensors(file)
  const rest = length > start.length ? await readRange(options, file, start.length, length) : Buffer.alloc(0)
  const bytes = Buffer.concat([start, rest]).subarray(0, length)
  return { file, bytes, tensors: parseHeader(bytes, file) }
}

async function readRange(
  { client, repo, commit, retry, signal, onFetched }: HeaderOptions,
  file: RepoFile,
  begin: number,
  end: number,
): Promise<Buffer> {
  const source = createFileSource({ client, repo, commit, file })
  const read = async () => {
    const { body, whole, close } = await source.open(begin, end, signal)
    const parts: Uint8Array[] = []
    let length = 0
    const wanted = whole ? end : end - begin
    for await (const part of body) {
      parts.push(part)
      length += part.length
      if (length >= wanted) break
    }
    close()
    onFetched(length)
    if (length < wanted) throw new Transient('the answer was cut off')
    return Buffer.concat(parts).subarray(whole ? begin : 0, wanted)
  }
  try {
    return await withRetries(read, retry, signal)
  } catch (error) {
    throw toHubError(error, signal)
  }
}

function parseHeader(bytes: Buffer, file: RepoFile): RemoteHeader['tensors'] {
  try {
    const header = z.record(z.string(), z.unknown()).parse(JSON.parse(bytes.subarray(8).toString('utf8')))
    return Object.entries(header).flatMap(([name, value]) => {
      if (name === '__metadata__') return []
      const { dtype, shape, data_offsets: offsets } = entrySchema.parse(value)
      const [begin, end] = [bytes.length + offsets[0], bytes.length + offsets[1]]
      if (begin > end || end > file.bytes) throw new RangeError('outside of the file')
      return [{ name, dtype, shape, bytes: end - begin, file: file.path, begin, end }]
    })
  } catch (cause) {
    throw notSafetensors(file, cause)
  }
}

function notSafetensors(file: RepoFile, cause?: unknown): AppError {
  return new AppError('bad-file', `${file.path} does not begin like a safetensors file.`, undefined, { cause })
}
