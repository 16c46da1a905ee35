/**
 * Which folders are models of this app: the bundled demo, folders people added or scan, and what the app made. Only paths and
 * names are stored; everything else is read from the folders.
 */
import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { z } from 'zod'
import type { ModelSummary } from '../contract/domain.ts'
import type { DemoModel } from './demos.ts'
import { looksLikeModel } from './model-reader.ts'
import { PROVENANCE_FILE } from './provenance.ts'
import type { RecordFiles } from './record-files.ts'

/** What the app remembers of one folder. */
export const libraryRecordSchema = z.object({
  path: z.string(),
  /** Null for a folder that is found by scanning and only has a name here. */
  origin: z.enum(['added', 'created']).nullable(),
  addedAt: z.string(),
  /** The name a person gave it. */
  name: z.string().nullable(),
})
export type LibraryRecord = z.infer<typeof libraryRecordSchema>

export interface LibraryEntry {
  id: string
  path: string
  name: string
  origin: ModelSummary['origin']
  addedAt: string
  /** What the app says of a model that ships with it. */
  note: string | null
}

export interface LibraryDeps {
  records: RecordFiles<LibraryRecord>
  demos: readonly DemoModel[]
  /** Whether the optional ones are listed. */
  wantsOptionalDemos(): boolean
  /** Where the app writes models. */
  outputDir(): string
  /** Folders people had scanned. */
  scanDirs(): readonly string[]
  hub: HubNames
  now(): Date
}

/** Models in the cache of the Hub: what they are named as sources, wherever the cache lies. */
export interface HubNames {
  /** Null for a folder that is not in the cache. */
  nameOf(path: string): string | null
  /** Null for a name of another kind. */
  pathOf(source: string): string | null
}

export interface Library {
  /** The id of what hqq-studio.json names as a source. */
  sourceId(source: string): string
  /** What hqq-studio.json names this model as, when it is a source. The demo moves with the app, so it has a name. */
  sourceName(entry: LibraryEntry): string
  list(): Promise<LibraryEntry[]>
  /** A model that ships with the app, listed or not; null for another id. */
  demo(id: string): Promise<LibraryEntry | null>
  /** An entry for any path, remembered only when `add` is called. */
  entryAt(path: string): Promise<LibraryEntry>
  add(path: string, origin: 'added' | 'created'): Promise<LibraryEntry>
  forget(path: string): Promise<void>
  rename(path: string, name: string): Promise<void>
}

/** The same path has the same id in every session and on the command line. */
export function modelIdOf(path: string): string {
  return createHash('sha256').update(resolve(path)).digest('hex').slice(0, 12)
}

export function createLibrary({
  records,
  demos,
  wantsOptionalDemos,
  outputDir,
  scanDirs,
  hub,
  now,
}: LibraryDeps): Library {
  const demoOf = (id: string) => demos.find((demo) => demo.id === id)
  const demoAt = (path: string) => demos.find((demo) => demo.path === path)

  async function list(): Promise<LibraryEntry[]> {
    const paths = new Set<string>()
    const shown = demos.filter(({ optional }) => !optional || wantsOptionalDemos())
    for (const { path } of shown) if (await looksLikeModel(path)) paths.add(path)
    for (const { path, origin } of await records.list()) if (origin !== null) paths.add(path)
    for (const dir of [outputDir(), ...scanDirs()]) for (const path of await modelsUnder(dir)) paths.add(path)
    const entries = await Promise.all([...paths].map(entryAt))
    const rank = ({ path }: LibraryEntry) => {
      const at = demos.findIndex((demo) => demo.path === path)
      return at < 0 ? demos.length : at
    }
    return entries.sort((a, b) => rank(a) - rank(b) || a.addedAt.localeCompare(b.addedAt))
  }

  async function entryAt(path: string): Promise<LibraryEntry> {
    const absolute = resolve(path)
    const stored = await records.get(modelIdOf(absolute))
    const demo = demoAt(absolute)
    // What was made here and came back from the Hub belongs to the cache, not to this app.
    const made = hub.nameOf(absolute) === null && (await madeHere(absolute))
    return {
      id: demo?.id ?? modelIdOf(absolute),
      path: absolute,
      name: stored?.name ?? demo?.name ?? basename(absolute),
      origin: demo ? 'demo' : made ? 'created' : 'added',
      addedAt: stored?.addedAt ?? (await changedAt(absolute)),
      note: demo?.note ?? null,
    }
  }

  return {
    sourceId: (source) => demoOf(source)?.id ?? modelIdOf(hub.pathOf(source) ?? source),
    sourceName: (entry) => demoAt(entry.path)?.id ?? hub.nameOf(entry.path) ?? entry.path,
    list,
    async demo(id) {
      const demo = demoOf(id)
      return demo !== undefined && (await looksLikeModel(demo.path)) ? entryAt(demo.path) : null
    },
    entryAt,
    async add(path, origin) {
      const absolute = resolve(path)
      if (demoAt(absolute) === undefined) {
        await records.update(modelIdOf(absolute), (known) =>
          known?.origin != null
            ? null
            : { path: absolute, origin, addedAt: now().toISOString(), name: known?.name ?? null },
        )
      }
      return entryAt(absolute)
    },
    forget: (path) => records.remove(modelIdOf(path)),
    async rename(path, name) {
      await records.update(modelIdOf(path), (known) => ({
        ...(known ?? { path: resolve(path), origin: null, addedAt: now().toISOString() }),
        name,
      }))
    },
  }
}

/** The app's own record in the folder is what makes it deletable. */
async function madeHere(path: string): Promise<boolean> {
  return (await stat(join(path, PROVENANCE_FILE)).catch(() => null))?.isFile() ?? false
}

async function changedAt(path: string): Promise<string> {
  const info = await stat(join(path, 'config.json')).catch(() => null)
  return (info?.mtime ?? new Date(0)).toISOString()
}

/** The folder itself when it is a model, and the models directly in it. Unfinished results (`.partial`) are none. */
async function modelsUnder(dir: string): Promise<string[]> {
  const found: string[] = []
  if (await looksLikeModel(dir)) found.push(resolve(dir))
  const children = await readdir(dir, { withFileTypes: true }).catch(() => [])
  for (const child of children) {
    if (child.name.startsWith('.') || child.name.endsWith('.partial')) continue
    const path = join(dir, child.name)
    if (await looksLikeModel(path)) found.push(resolve(path))
  }
  return found
}
