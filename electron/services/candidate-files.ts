/**
 * What quantizing keeps so that nothing is worked out twice: matrices by what they were made from, and moments by model. The engine
 * writes them; here they are counted, and deleted when they take more than they may, the ones used longest ago first.
 */
import { readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelDetail } from '../contract/domain.ts'
import { sha256 } from './source-hashes.ts'

export interface CandidateFiles {
  readonly dir: string
  usage(): Promise<{ bytes: number; files: number }>
  /** Deletes until what is left fits the limit. */
  trim(): Promise<void>
  clear(): Promise<void>
  /** Where the moments of this model are kept, as it is now. One text at a time: another one replaces them. */
  momentsOf(detail: ModelDetail): Promise<string>
}

export function createCandidateFiles(dir: string, limitBytes: () => number): CandidateFiles {
  async function list(): Promise<{ path: string; bytes: number; usedMs: number }[]> {
    const names = await readdir(dir).catch(() => [])
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(dir, name)
        // Another process may delete it meanwhile.
        const info = await stat(path).catch(() => null)
        return info?.isFile() ? [{ path, bytes: info.size, usedMs: info.mtimeMs }] : []
      }),
    )
    return found.flat()
  }

  return {
    dir,
    async usage() {
      const files = await list()
      return { bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), files: files.length }
    },
    async trim() {
      const files = (await list()).sort((a, b) => b.usedMs - a.usedMs)
      let kept = 0
      for (const { path, bytes } of files) {
        kept += bytes
        if (kept > limitBytes()) await rm(path, { force: true })
      }
    },
    async clear() {
      for (const { path } of await list()) await rm(path, { force: true })
    },
    async momentsOf(detail) {
      const path = join(dir, `moments-${(await sourceOf(detail)).slice(0, 32)}.safetensors`)
      const now = new Date()
      await utimes(path, now, now).catch(() => {})
      return path
    },
  }
}

/** Names, sizes and times of the weight files: reading them all to tell whether they changed would take as long as using them. */
export async function sourceOf(detail: ModelDetail): Promise<string> {
  const files = [...new Set(detail.tensors.map(({ file }) => file))].sort()
  const stats = await Promise.all(
    files.map(async (name) => {
      const { size, mtimeMs } = await stat(join(detail.summary.path, name))
      return [name, size, mtimeMs]
    }),
  )
  return sha256(JSON.stringify(stats))
}
