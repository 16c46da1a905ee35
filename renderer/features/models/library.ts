/** The library as the list shows it: demo first, then the rest by name, each followed by the versions made from it. */
import type { ModelSummary } from '../../../electron/contract/domain.ts'

export interface LibraryRow {
  readonly model: ModelSummary
  /** 1 for a version that stands below its source. */
  readonly depth: 0 | 1
}

/** Rows in order. Versions whose source is not in the library stand by themselves. */
export function libraryRows(models: readonly ModelSummary[]): LibraryRow[] {
  const ids = new Set(models.map(({ id }) => id))
  const versions = Map.groupBy(models, ({ quantization }) => {
    const source = quantization?.sourceModelId
    return source && ids.has(source) ? source : null
  })
  const roots = (versions.get(null) ?? []).toSorted((a, b) => rank(a) - rank(b) || compareNames(a, b))
  const rows: LibraryRow[] = []
  const placed = new Set<string>()
  function place(model: ModelSummary, depth: 0 | 1): void {
    if (placed.has(model.id)) return
    placed.add(model.id)
    rows.push({ model, depth })
    const made = (versions.get(model.id) ?? []).toSorted((a, b) => bits(b) - bits(a) || compareNames(a, b))
    for (const version of made) place(version, 1)
  }
  for (const root of roots) place(root, 0)
  // Two versions that name each other as source have no root; show them all the same.
  for (const model of models) place(model, 0)
  return rows
}

/** The demo that writes stands first: it is where people begin. */
function rank({ origin, vision }: ModelSummary): number {
  if (origin !== 'demo') return 2
  return vision === undefined ? 0 : 1
}

function bits(model: ModelSummary): number {
  return model.quantization?.bitsPerWeight ?? Number.POSITIVE_INFINITY
}

const collator = new Intl.Collator(undefined, { numeric: true })

function compareNames(a: ModelSummary, b: ModelSummary): number {
  return collator.compare(a.name, b.name)
}

/** Rows whose model has every word of `text` in its name, architecture, dtype or quantization. */
export function filterLibrary(rows: readonly LibraryRow[], text: string): readonly LibraryRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return rows
  return rows.filter(({ model }) => {
    const haystack = [model.name, model.config?.architecture, model.dtype, model.quantization?.label, model.path]
      .join(' ')
      .toLowerCase()
    return words.every((word) => haystack.includes(word))
  })
}

/** `LlamaForCausalLM` as `Llama`. */
export function familyName(model: ModelSummary): string | null {
  return model.config ? model.config.architecture.replace(/For[A-Z]\w*$/, '') : null
}

/** Of a model whose config.json describes no language model: what it does with pictures. */
export function kindName({ vision }: ModelSummary): string | null {
  if (vision === undefined) return null
  return { clip: 'CLIP', tower: 'Vision tower', llava: 'LLaVA' }[vision.kind]
}

/** What may be removed, and what that does to files. */
export function removalOf(model: ModelSummary): { verb: 'Delete' | 'Forget'; consequence: string } | null {
  if (model.origin === 'demo') return null
  if (model.origin === 'created') {
    return {
      verb: 'Delete',
      consequence: `The folder ${model.path} is deleted. Its measurements go with it. This cannot be undone.`,
    }
  }
  return { verb: 'Forget', consequence: `Only the entry is removed. The files in ${model.path} stay as they are.` }
}
