/** Fingerprints of a source model: enough to tell that a result was made from exactly these weights. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../contract/errors.ts'
import type { Provenance } from './provenance.ts'

/** Larger files are told by their header alone: reading them twice would double the time of the job. */
export const FULL_HASH_BYTES = 2 ** 30
/** A header longer than this is no header; the engine refuses it in its own words. */
const MAX_HEADER_BYTES = 512 * 2 ** 20
const BEGINNING_BYTES = 2 ** 20

type SourceHashes = Pick<Provenance['source'], 'configSha256' | 'weights'>

export async function hashSource(
  dir: string,
  files: readonly { name: string; bytes: number }[],
  signal: AbortSignal,
): Promise<SourceHashes> {
  const weights: SourceHashes['weights'] = []
  for (const { name, bytes } of files) {
    if (signal.aborted) throw new AppError('cancelled', 'cancelled')
    const path = join(dir, name)
    weights.push({
      file: name,
      bytes,
      headerSha256: await hashHeader(path, bytes),
      sha256: bytes <= FULL_HASH_BYTES ? await hashFile(path, signal) : null,
    })
  }
  return { configSha256: sha256(await readFile(join(dir, 'config.json'))), weights }
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Of a safetensors file its header, of others as much of their beginning. */
async function hashHeader(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    if (!path.endsWith('.safetensors')) {
      const beginning = Buffer.alloc(Math.min(bytes, BEGINNING_BYTES))
      await file.read(beginning, 0, beginning.length, 0)
      return sha256(beginning)
    }
    const length = Buffer.alloc(8)
    await file.read(length, 0, 8, 0)
    const size = Number(length.readBigUInt64LE())
    if (size > MAX_HEADER_BYTES) throw new AppError('bad-file', `${path} has no readable header. Download it again.`)
    const header = Buffer.alloc(size)
    await file.read(header, 0, size, 8)
    return sha256(header)
  } finally {
    await file.close()
  }
}

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal })) hash.update(chunk)
  return hash.digest('hex')
}
