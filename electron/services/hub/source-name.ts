/** How hqq-studio.json names a source from the Hub: the same for a model that was downloaded and one that was quantized on the way. */
import { join, relative, sep } from 'node:path'
import { repoFolder } from '../../hub/cache-layout.ts'
import { isCommit } from '../../hub/path-names.ts'

export interface HubSource {
  /** owner/name */
  readonly name: string
  readonly commit: string
}

export function hubSourceName({ name, commit }: HubSource): string {
  return `hf://${name}@${commit}`
}

/** Null for what names something else. */
export function parseHubSource(source: string): HubSource | null {
  const [, name, commit] = /^hf:\/\/([^@]+)@([0-9a-f]{40})$/.exec(source) ?? []
  return name === undefined || commit === undefined ? null : { name, commit }
}

/** The model whose snapshot in the cache this is; null for every other folder. */
export function hubSourceOf(cacheDir: string, path: string): HubSource | null {
  const parts = relative(cacheDir, path).split(sep)
  const [folder = '', snapshots, commit = '', ...rest] = parts
  if (rest.length > 0 || snapshots !== 'snapshots' || !folder.startsWith('models--') || !isCommit(commit)) return null
  return { name: folder.slice('models--'.length).replace('--', '/'), commit }
}

/** Where the source lies when it is in the cache. */
export function snapshotOf(cacheDir: string, { name, commit }: HubSource): string {
  return join(repoFolder(cacheDir, { type: 'model', name }).snapshot(commit))
}

/** What the library asks about the cache. */
export function hubNames(cacheDir: string) {
  return {
    nameOf(path: string): string | null {
      const source = hubSourceOf(cacheDir, path)
      return source === null ? null : hubSourceName(source)
    },
    pathOf(name: string): string | null {
      const source = parseHubSource(name)
      return source === null ? null : snapshotOf(cacheDir, source)
    },
  }
}
