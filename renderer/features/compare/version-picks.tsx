/** Which version is the reference, and which are compared with it. */
import { useState } from 'react'
import type { CompareRow } from '../../../electron/contract/domain.ts'
import { Field } from '../../ui/field.tsx'
import { Select } from '../../ui/select.tsx'
import { Checkbox } from '../../ui/switch.tsx'

/** Beside each other on a screen; the contract allows one more as the reference. */
const MOST_OTHERS = 5

export interface Picks {
  readonly reference: CompareRow | undefined
  readonly others: readonly CompareRow[]
  /** The reference first. */
  readonly modelIds: string[]
  readonly runnable: readonly CompareRow[]
  setReference(id: string): void
  setOther(id: string, on: boolean): void
}

/** At first the original against the newest version. Versions that cannot be run are not offered. */
export function usePicks(rows: readonly CompareRow[]): Picks {
  const runnable = rows.filter(({ model }) => model.runProblem === null)
  const [referenceId, setReference] = useState<string | null>(null)
  const [chosen, setChosen] = useState<readonly string[] | null>(null)
  const reference = runnable.find(({ model }) => model.id === referenceId) ?? runnable[0]
  const possible = runnable.filter((row) => row !== reference)
  const newest = [...possible].sort((a, b) => b.model.addedAt.localeCompare(a.model.addedAt))[0]
  const ids = chosen ?? (newest === undefined ? [] : [newest.model.id])
  const others = possible.filter(({ model }) => ids.includes(model.id)).slice(0, MOST_OTHERS)
  return {
    reference,
    others,
    modelIds: [...(reference === undefined ? [] : [reference]), ...others].map(({ model }) => model.id),
    runnable,
    setReference,
    setOther: (id, on) => setChosen(on ? [...ids, id] : ids.filter((other) => other !== id)),
  }
}

export function VersionPicks({ picks }: { picks: Picks }) {
  const { reference, others, runnable } = picks
  return (
    <div className="flex flex-wrap items-start gap-x-6 gap-y-3">
      <Field label="Reference" className="w-56">
        <Select
          value={reference?.model.id ?? ''}
          onChange={picks.setReference}
          options={runnable.map(({ model }) => ({ value: model.id, label: model.name }))}
        />
      </Field>
      <fieldset className="min-w-0">
        <legend className="mb-1 text-sm font-medium text-ink-2">Compared with it</legend>
        <div className="flex min-h-8 flex-wrap items-center gap-x-5 gap-y-1.5">
          {runnable
            .filter((row) => row !== reference)
            .map((row) => (
              <div key={row.model.id} className="flex items-center gap-2 text-sm text-ink">
                <Checkbox
                  aria-label={row.model.name}
                  checked={others.includes(row)}
                  disabled={!others.includes(row) && others.length >= MOST_OTHERS}
                  onChange={(on) => picks.setOther(row.model.id, on)}
                />
                <span aria-hidden>{row.model.name}</span>
              </div>
            ))}
        </div>
      </fieldset>
    </div>
  )
}
