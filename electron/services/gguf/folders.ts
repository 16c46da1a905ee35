/**
 * A GGUF file as the model folder that the rest of the app knows: its configuration and tokenizer as files of their own, and a link to
 * the file for the weights, of which nothing is copied. The folder is made anew when the file is another.
 */
import { createHash, randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../contract/errors.ts'
import { toWriteError } from '../../storage/atomic-write.ts'
import type { Engine } from '../engine.ts'
import { ggufConfig } from './config.ts'
import { ggufMetadata } from './metadata.ts'
import { ggufTokenizer } from './tokenizer.ts'

/** What the link to the weights is called; the engine looks for it. */
export const GGUF_LINK = 'model.gguf'
const SOURCE_FILE = 'gguf-source.json'
/** Of the files made here; another one makes older folders anew. */
const FORMAT = 1

const sourceSchema = z.object({ format: z.literal(FORMAT), path: z.string(), bytes: z.number(), changedMs: z.number() })

export interface GgufFolders {
  /** The folder of a file. Throws what stands against reading it: `not-found`, `bad-file`, `unsupported`. */
  folderOf(path: string): Promise<string>
  /** Removes the folder if it was made here; the file itself is never touched. */
  forget(folder: string): Promise<void>
}

/** `root`: where such folders are kept. */
export function createGgufFolders(engine: Engine, root: string): GgufFolders {
  return {
    async folderOf(path) {
      const file = resolve(path)
      const info = await stat(file).catch(() => null)
      if (!info?.isFile()) throw new AppError('not-found', `${file} is not there.`)
      const source = { format: FORMAT, path: file, bytes: info.size, changedMs: info.mtimeMs } as const
      // The name is what people see; the folder above it keeps files of the same name apart.
      const place = join(root, createHash('sha256').update(file).digest('hex').slice(0, 12))
      const folder = join(place, basename(file, '.gguf'))
      if (await isMadeOf(folder, source)) return folder
      const files = await filesOf(engine, file)
      try {
        const fresh = join(root, `${randomUUID()}.partial`)
        await mkdir(fresh, { recursive: true })
        for (const [name, value] of Object.entries({ ...files, [SOURCE_FILE]: source })) {
          await writeFile(join(fresh, name), JSON.stringify(value))
        }
        const linked = join(fresh, GGUF_LINK)
        await symlink(file, linked).catch(() => link(file, linked))
        await rm(place, { recursive: true, force: true })
        await mkdir(place, { recursive: true })
        await rename(fresh, folder)
      } catch (error) {
        throw toWriteError(error, folder)
      }
      return folder
    },
    async forget(folder) {
      const place = dirname(resolve(folder))
      if (dirname(place) === resolve(root)) await rm(place, { recursive: true, force: true })
    },
  }
}

export function isGgufFile(path: string): boolean {
  return path.toLowerCase().endsWith('.gguf')
}

async function isMadeOf(folder: string, source: z.infer<typeof sourceSchema>): Promise<boolean> {
  const text = await readFile(join(folder, SOURCE_FILE), 'utf8').catch(() => null)
  if (text === null) return false
  const stored = sourceSchema.safeParse(JSON.parse(text))
  return stored.success && Object.entries(source).every(([key, value]) => Reflect.get(stored.data, key) === value)
}

async function filesOf(engine: Engine, path: string): Promise<Record<string, unknown>> {
  const metadata = ggufMetadata(path, await engine.call('gguf.inspect', { path }))
  const config = ggufConfig(metadata)
  const texts = ggufTokenizer(metadata)
  if (texts === null) return { 'config.json': config }
  return {
    'config.json': config,
    'tokenizer.json': texts.tokenizer,
    'tokenizer_config.json': texts.config,
    'generation_config.json': texts.generation,
  }
}
