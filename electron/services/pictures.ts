/** Pictures by reference: files of this machine, and ones that the app keeps under the hash of their bytes. */
import { readdir, rm, stat } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { AppError } from '../contract/errors.ts'
import type { ImageRef, StoredImage } from '../contract/vision.ts'
import { writeAtomically } from '../storage/atomic-write.ts'
import { pictureInfo, readPictureFile, thumbnail } from '../vision/picture-file.ts'
import { sha256 } from './source-hashes.ts'

export interface Pictures {
  /** Throws `unsupported` or `bad-file` for what is no picture. */
  add(source: { kind: 'file'; path: string } | { kind: 'data'; name: string; base64: string }): Promise<StoredImage>
  /** Throws `not-found`, and `bad-file` for an enormous file. */
  read(image: ImageRef): Promise<{ bytes: Buffer; name: string }>
  thumbnail(image: ImageRef, size: number): Promise<{ dataUrl: string; width: number; height: number }>
  /** Changes when the picture does. */
  stamp(image: ImageRef): Promise<string>
  /** Files that look like pictures, in a folder and the folders in it, by name. */
  list(dir: string): Promise<PictureFile[]>
  /** Forgets all but these. */
  keepOnly(ids: ReadonlySet<string>): Promise<void>
}

export interface PictureFile {
  path: string
  /** Below the folder, with slashes. */
  name: string
  bytes: number
}

const PICTURE = /\.(png|jpe?g|webp)$/i
/** Far more than a person looks at; folders may be links into anything. */
const MOST_FILES = 10_000

export function createPictures(dir: string): Pictures {
  const pathOf = (image: ImageRef) => (image.kind === 'file' ? resolve(image.path) : join(dir, image.id))

  async function read(image: ImageRef) {
    const name = image.kind === 'file' ? basename(image.path) : 'the kept picture'
    return { bytes: await readPictureFile(pathOf(image)), name }
  }

  return {
    read,
    async add(source) {
      const name = source.kind === 'file' ? basename(source.path) : source.name
      const bytes = source.kind === 'file' ? await readPictureFile(source.path) : Buffer.from(source.base64, 'base64')
      const { width, height } = await pictureInfo(bytes, name)
      // Read once to its end: what is damaged is refused now, not in the middle of a conversation.
      await thumbnail(bytes, name, 64)
      const id = sha256(bytes)
      await writeAtomically(join(dir, id), bytes)
      return { id, name, width, height, bytes: bytes.length }
    },
    async thumbnail(image, size) {
      const { bytes, name } = await read(image)
      const { bytes: small, width, height } = await thumbnail(bytes, name, size)
      return { dataUrl: `data:image/webp;base64,${small.toString('base64')}`, width, height }
    },
    async stamp(image) {
      const info = await stat(pathOf(image)).catch(() => null)
      return `${pathOf(image)}\n${info?.size}\n${info?.mtimeMs}`
    },
    async list(folder) {
      const root = resolve(folder)
      const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch((cause) => {
        throw new AppError('not-found', `${root} is not a folder that can be opened.`, undefined, { cause })
      })
      const files = entries.filter((entry) => entry.isFile() && PICTURE.test(entry.name)).slice(0, MOST_FILES)
      const found = await Promise.all(
        files.map(async (entry) => {
          const path = join(entry.parentPath, entry.name)
          return { path, name: relative(root, path).replaceAll('\\', '/'), bytes: (await stat(path)).size }
        }),
      )
      const order = new Intl.Collator('en', { numeric: true })
      return found.sort((a, b) => order.compare(a.name, b.name))
    },
    async keepOnly(ids) {
      const kept = await readdir(dir).catch(() => [])
      for (const id of kept) if (!ids.has(id)) await rm(join(dir, id), { force: true })
    },
  }
}
