/** The models a person can choose from: list, details, add, rename, remove. */
import { readFile, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import type { ModelDetail, ModelSummary } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { StreamContext } from '../rpc/server.ts'
import { toWriteError } from '../storage/atomic-write.ts'
import { hasTokenizer, readChatTemplate } from '../tokenizer/tokenizer-files.ts'
import { createChanges, watchSnapshots } from './changes.ts'
import { readGenerationConfig } from './generation-config.ts'
import { type GgufFolders, isGgufFile } from './gguf/folders.ts'
import type { Library, LibraryEntry } from './library.ts'
import { readJsonObject } from './model-config.ts'
import { isWeights, looksLikeModel, type ModelFolder, type ModelReader } from './model-reader.ts'
import { PROVENANCE_FILE, readProvenance } from './provenance.ts'
import { storedFormatOf } from './stored-format.ts'

export interface ModelsDeps {
  library: Library
  reader: ModelReader
  gguf: GgufFolders
}

export interface Models {
  list(): Promise<{ models: ModelSummary[] }>
  watch(context: StreamContext<{ models: ModelSummary[] }>): Promise<Record<string, never>>
  /** Remembers a folder. Throws when it is no model folder at all; one with problems is listed with them. */
  add(path: string, origin?: 'added' | 'created'): Promise<ModelSummary>
  /** Throws `not-found`. */
  find(id: string): Promise<LibraryEntry>
  /** By folder, which need not be in the library, or else by id or name. Throws `not-found`. */
  open(reference: string): Promise<LibraryEntry>
  summary(id: string): Promise<ModelSummary>
  detail(id: string): Promise<ModelDetail>
  remove(id: string): Promise<void>
  rename(id: string, name: string): Promise<ModelSummary>
  /** Tells watchers that something outside changed the list (a setting, a new file). */
  changed(): void
}

export function createModels({ library, reader, gguf }: ModelsDeps): Models {
  const changes = createChanges()
  /** Folders named by path on this run, so that their ids can be looked up. */
  const opened = new Map<string, string>()

  async function summarize(entry: LibraryEntry): Promise<ModelSummary> {
    return summaryOf(library, entry, await reader.read(entry.path))
  }

  async function list(): Promise<{ models: ModelSummary[] }> {
    const entries = await library.list()
    return { models: await Promise.all(entries.map(summarize)) }
  }

  async function find(id: string): Promise<LibraryEntry> {
    const path = opened.get(id)
    if (path !== undefined) return library.entryAt(path)
    const known = (await library.list()).find((entry) => entry.id === id) ?? (await library.demo(id))
    if (known === null) throw new AppError('not-found', 'This model is not in the library any more.')
    return known
  }

  /** A model may be named by a file: one that is a model by itself, or the configuration or the weights of a folder. */
  async function folderOf(path: string): Promise<string> {
    if (isGgufFile(path)) return gguf.folderOf(path)
    const named = basename(path)
    return named === 'config.json' || (isWeights(named) && !(await isFolder(path))) ? dirname(path) : path
  }

  async function open(reference: string): Promise<LibraryEntry> {
    const path = await folderOf(reference)
    if (await looksLikeModel(path)) {
      const entry = await library.entryAt(path)
      opened.set(entry.id, entry.path)
      return entry
    }
    const entries = await library.list()
    const known = entries.find((entry) => entry.id === reference) ?? entries.find((entry) => entry.name === reference)
    const found = known ?? (await library.demo(reference))
    if (found !== null) return found
    if (await isFolder(reference)) throw notAModel(reference)
    throw new AppError('not-found', `There is no model "${reference}", neither as a folder nor in the library.`)
  }

  return {
    list,
    watch: (context) => watchSnapshots(changes, list, context),
    async add(path, origin = 'added') {
      const folder = await folderOf(path)
      if (!(await looksLikeModel(folder))) throw notAModel(path)
      const entry = await library.add(folder, origin)
      changes.notify()
      return summarize(entry)
    },
    find,
    open,
    async summary(id) {
      return summarize(await find(id))
    },
    async detail(id) {
      const entry = await find(id)
      return detailOf(library, entry, await reader.read(entry.path))
    },
    async remove(id) {
      const entry = await find(id)
      if (entry.origin === 'demo') throw new AppError('not-allowed', `${entry.name} belongs to the app and stays.`)
      if (entry.origin === 'created') await deleteMade(entry.path)
      await library.forget(entry.path)
      await gguf.forget(entry.path)
      opened.delete(id)
      changes.notify()
    },
    async rename(id, name) {
      const entry = await find(id)
      await library.rename(entry.path, name)
      changes.notify()
      return summarize({ ...entry, name })
    },
    changed: changes.notify,
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false
}

function notAModel(path: string): AppError {
  return new AppError(
    'not-found',
    `${path} is not a model. Choose the folder that holds config.json and the weights (.safetensors, qmodel.pt or pytorch_model.bin), or a .gguf file.`,
  )
}

async function summaryOf(
  library: Library,
  entry: LibraryEntry,
  { dir, config, facts, problem, quantizeProblem }: ModelFolder,
): Promise<ModelSummary> {
  const provenance = entry.origin === 'created' ? await readProvenance(dir) : null
  const methods = new Set(provenance?.tensors.map((tensor) => tensor.spec.method) ?? ['hqq'])
  const storedFormat = config === null ? null : storedFormatOf(config.raw)
  const alreadyQuantized =
    facts?.quantization == null || facts.container === 'GGUF' || storedFormat !== null
      ? null
      : new AppError('unsupported', 'This model is already quantized. Quantize the original it was made from.')
  return {
    id: entry.id,
    name: entry.name,
    path: entry.path,
    origin: entry.origin,
    config: config?.summary ?? null,
    parameters: facts?.parameters ?? 0,
    ...(facts?.experts == null ? {} : { experts: facts.experts }),
    dtype: facts === null ? 'unknown' : labelIn(facts.quantization === null ? null : storedFormat, facts.dtype),
    fileBytes: facts?.fileBytes ?? 0,
    quantization:
      facts?.quantization == null
        ? null
        : {
            ...facts.quantization,
            ...(facts.container === null ? {} : { storedFormat: facts.container }),
            ...(storedFormat === null ? {} : { storedFormat }),
            label: labelIn(storedFormat, facts.quantization.label),
            sourceModelId: provenance === null ? null : library.sourceId(provenance.source.path),
            method: [...methods].join(' + '),
          },
    ...(facts?.vision == null ? {} : { vision: facts.vision }),
    hasTokenizer: hasTokenizer(dir),
    hasChatTemplate: templateOf(dir) !== null,
    runProblem: problem?.toShape() ?? null,
    quantizeProblem: (quantizeProblem ?? alreadyQuantized)?.toShape() ?? null,
    note: entry.note ?? (facts?.notices.join(' ') || null),
    addedAt: entry.addedAt,
  }
}

function labelIn(storedFormat: string | null, label: string): string {
  return storedFormat === null ? label : `${storedFormat} ${label}`
}

async function detailOf(library: Library, entry: LibraryEntry, folder: ModelFolder): Promise<ModelDetail> {
  const generation = await readGenerationConfig(entry.path).catch(() => null)
  const provenance = await readJsonObject(join(entry.path, PROVENANCE_FILE)).catch(() => null)
  return {
    summary: await summaryOf(library, entry, folder),
    tensors: folder.facts?.tensors ?? [],
    linears: folder.facts?.linears ?? [],
    otherBytes: folder.facts?.otherBytes ?? 0,
    chatTemplate: templateOf(entry.path),
    generation: jsonRecord.parse(generation ?? {}),
    provenance: provenance === null ? null : jsonRecord.parse(provenance),
    card: await cardOf(entry.path),
  }
}

const jsonRecord = z.record(z.string(), z.json())

/** A broken template must not hide the rest of the model; using it says what is wrong. */
function templateOf(dir: string): string | null {
  try {
    return readChatTemplate(dir)
  } catch {
    return null
  }
}

async function cardOf(dir: string): Promise<string | null> {
  for (const name of ['README.md', 'MODEL_CARD.md']) {
    const text = await readFile(join(dir, name), 'utf8').catch(() => null)
    if (text !== null) return text
  }
  return null
}

/** Removes the files that the app wrote, and the folder if nothing else is in it. */
async function deleteMade(path: string): Promise<void> {
  const provenance = await readProvenance(path)
  const files = (provenance?.files ?? []).filter((name) => !name.includes('/') && !name.includes('\\'))
  try {
    // The record goes last, so that an interrupted removal can be finished.
    for (const name of [...files, PROVENANCE_FILE]) await rm(join(path, name), { force: true })
  } catch (error) {
    throw toWriteError(error, path)
  }
  await rmdir(path).catch(() => {})
}
