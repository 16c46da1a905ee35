/** Repositories of the fake Hub: commits with files, hashed as the Hub hashes them. */
import { createHash } from 'node:crypto'

export interface FakeFile {
  readonly path: string
  readonly content: Buffer
  readonly lfs: boolean
  /** Git's hash; of the pointer where the content is kept outside of git. */
  readonly oid: string
  readonly sha256: string
}

export interface FakeRepo {
  readonly type: 'model' | 'dataset'
  readonly name: string
  private: boolean
  gated: false | 'auto' | 'manual'
  /** Members of the model's description: tags, downloads, likes, safetensors, config, ... */
  info: Record<string, unknown>
  /** Oldest first; the last one is `main`. */
  commits: { id: string; files: Map<string, FakeFile> }[]
}

const LFS_NAMES = /\.(safetensors|bin|pt|gguf|parquet|onnx)$/
const LFS_BYTES = 10_000_000

export function fakeFile(path: string, content: Buffer): FakeFile {
  const lfs = LFS_NAMES.test(path) || content.length > LFS_BYTES
  const sha256 = createHash('sha256').update(content).digest('hex')
  const pointer = Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${content.length}\n`,
  )
  return { path, content, lfs, oid: gitHash(lfs ? pointer : content), sha256 }
}

export function gitHash(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

/** The hash by which a downloader knows the content. */
export function contentHash(file: FakeFile): string {
  return file.lfs ? file.sha256 : file.oid
}

/** Adds a commit with these files over those of the one before. */
export function commitFiles(repo: FakeRepo, files: Readonly<Record<string, Buffer | null>>): string {
  const merged = new Map(repo.commits.at(-1)?.files ?? [])
  for (const [path, content] of Object.entries(files)) {
    if (content === null) merged.delete(path)
    else merged.set(path, fakeFile(path, content))
  }
  const id = createHash('sha1')
    .update(`${repo.name} ${repo.commits.length} ${[...merged.values()].map((file) => file.oid).join()}`)
    .digest('hex')
  repo.commits.push({ id, files: merged })
  return id
}

export function commitOf(repo: FakeRepo, revision: string): FakeRepo['commits'][number] | undefined {
  return revision === 'main' ? repo.commits.at(-1) : repo.commits.find(({ id }) => id === revision)
}
