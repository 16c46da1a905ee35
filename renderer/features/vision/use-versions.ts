/** Which versions of a model are looked through: the original and what was made from it. */
import { useState } from 'react'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { canSee } from '../../../electron/plan/abilities.ts'

/** Beside each other on a screen. */
const MOST_CHOSEN = 6
/** At first: the original and the newest. */
const FIRST_CHOSEN = 4

export interface Versions {
  readonly all: readonly ModelSummary[]
  /** In the order of `all`; only ones that run. */
  readonly chosen: readonly ModelSummary[]
  readonly full: boolean
  set(id: string, on: boolean): void
}

export function useVersions(source: ModelSummary, models: readonly ModelSummary[]): Versions {
  const [ids, setIds] = useState<readonly string[] | null>(null)
  const made = models.filter(({ quantization }) => quantization?.sourceModelId === source.id)
  const newestFirst = made.toSorted((a, b) => b.addedAt.localeCompare(a.addedAt))
  const all = [source, ...newestFirst.filter(({ id }) => id !== source.id)]
  const wanted = ids ?? all.slice(0, FIRST_CHOSEN).map(({ id }) => id)
  const chosen = all.filter((model) => canSee(model) && wanted.includes(model.id))
  return {
    all,
    chosen,
    full: chosen.length >= MOST_CHOSEN,
    set: (id, on) => setIds(on ? [...wanted, id] : wanted.filter((other) => other !== id)),
  }
}

/** What a version is called beside the others of its model. */
export function versionName(model: ModelSummary, source: ModelSummary): string {
  return model.id === source.id ? 'original' : (model.quantization?.label ?? model.name)
}
