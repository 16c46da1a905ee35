/** Folders and files of the machine the app runs on, for the picker in the browser. */
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { z } from 'zod'
import type { fileEntrySchema, PickKind } from '../contract/app.ts'
import { AppError } from '../contract/errors.ts'
import { isGgufFile } from './gguf/folders.ts'
import { looksLikeModel } from './model-reader.ts'

type FileEntry = z.infer<typeof fileEntrySchema>

export interface FileList {
  path: string
  /** Null at the root. */
  parent: string | null
  entries: FileEntry[]
}

/** Folders, and files when a file is to be picked; hidden ones are left out. Throws `not-found` or `not-allowed`. */
export async function listFiles(path: string | null, pick: PickKind, home: string): Promise<FileList> {
  const folder = resolve(path ?? home)
  const found = await readFolder(folder)
  const entries = await Promise.all(
    found.filter(({ name }) => !name.startsWith('.')).map((entry) => entryOf(folder, entry)),
  )
  const wanted = entries.filter((entry) => entry !== null).filter((entry) => isWanted(entry, pick))
  wanted.sort((a, b) => Number(a.kind === 'file') - Number(b.kind === 'file') || a.name.localeCompare(b.name))
  const parent = dirname(folder)
  return { path: folder, parent: parent === folder ? null : parent, entries: wanted }
}

function isWanted({ kind, isModel }: FileEntry, pick: PickKind): boolean {
  return kind === 'folder' || pick === 'file' || (pick === 'model' && isModel)
}

async function readFolder(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EACCES' || code === 'EPERM') {
      throw new AppError('not-allowed', `${folder} may not be read by this user. Choose another folder.`)
    }
    throw new AppError('not-found', `${folder} is not a folder that can be opened.`, undefined, { cause: error })
  }
}

/** Null for what is neither file nor folder, and for links that lead nowhere. */
async function entryOf(folder: string, { name }: Dirent): Promise<FileEntry | null> {
  const path = join(folder, name)
  const info = await stat(path).catch(() => null)
  if (info?.isDirectory()) return { name, path, kind: 'folder', isModel: await looksLikeModel(path), bytes: null }
  if (info?.isFile()) return { name, path, kind: 'file', isModel: isGgufFile(name), bytes: info.size }
  return null
}
