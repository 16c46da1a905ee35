/**
 * The folder that a model's weights arrive in while they are quantized: files of full size with their headers, sparse where nothing
 * has arrived yet, and sparse again when they are done with. It looks like a model folder to the engine from the first moment.
 */
import { mkdir, open, readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { RemoteHeader } from '../../hub/remote-safetensors.ts'
import { toWriteError, writeAtomically } from '../../storage/atomic-write.ts'
import { readJsonObject } from '../model-config.ts'

export interface StagedSource {
  readonly dir: string
  pathOf(name: string): string
  /** Weight files whose hash was right and whose tensors are all saved. */
  isDone(name: string): boolean
  /** Records it, and then gives the disk space back. */
  finish(header: RemoteHeader): Promise<void>
  /** They have to be fetched again. */
  reopen(names: readonly string[]): Promise<void>
  /** Bytes on the disk now. */
  diskBytes(): Promise<number>
}

const STATE_FILE = 'arrived.json'
const stateSchema = z.object({ done: z.array(z.string()) })

export async function openStagedSource(stagingDir: string, headers: readonly RemoteHeader[]): Promise<StagedSource> {
  const dir = join(stagingDir, 'source')
  const statePath = join(stagingDir, STATE_FILE)
  const pathOf = (name: string) => join(dir, name)
  const stored = stateSchema.safeParse(await readJsonObject(statePath).catch(() => null))
  const done = new Set(stored.data?.done ?? [])
  const save = () => writeAtomically(statePath, JSON.stringify({ done: [...done] }))

  await mkdir(dir, { recursive: true })
  for (const header of headers) {
    const info = await stat(pathOf(header.file.path)).catch(() => null)
    if (info?.size !== header.file.bytes) await writeHollow(pathOf(header.file.path), header)
  }

  return {
    dir,
    pathOf,
    isDone: (name) => done.has(name),
    async finish(header) {
      done.add(header.file.path)
      await save()
      // Renamed over: an engine that still has the full one mapped keeps it until it is through.
      const hollow = `${pathOf(header.file.path)}.hollow`
      await writeHollow(hollow, header)
      await rename(hollow, pathOf(header.file.path))
    },
    async reopen(names) {
      for (const name of names) done.delete(name)
      await save()
    },
    diskBytes: () => allocatedBytes(stagingDir),
  }
}

async function writeHollow(path: string, { file, bytes }: RemoteHeader): Promise<void> {
  try {
    const handle = await open(path, 'w')
    try {
      await handle.write(bytes, 0, bytes.length, 0)
      await handle.truncate(file.bytes)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw toWriteError(error, path)
  }
}

/** Bytes that a folder's files take on the disk, holes left out. */
export async function allocatedBytes(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])
  const infos = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => stat(join(entry.parentPath, entry.name)).catch(() => null)),
  )
  return infos.reduce((sum, info) => sum + (info === null ? 0 : info.blocks * 512), 0)
}
