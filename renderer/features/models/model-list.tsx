import { Eye, FolderPlus, TriangleAlert } from 'lucide-react'
import { type KeyboardEvent, useState } from 'react'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { uselessBecause } from '../../../electron/plan/abilities.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { hrefFor } from '../../client/route.ts'
import type { QueryResult } from '../../client/use-query.ts'
import { Badge } from '../../ui/badge.tsx'
import { IconButton } from '../../ui/button.tsx'
import { cn } from '../../ui/cn.ts'
import { formatDisk, formatParameters } from '../../ui/format.ts'
import { SearchInput } from '../../ui/input.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { DemoOffer } from './demo-offer.tsx'
import { familyName, filterLibrary, kindName, type LibraryRow, libraryRows } from './library.ts'

export interface ModelListProps {
  library: QueryResult<{ models: ModelSummary[] }>
  selectedId: string | null
  onAdd(): void
  isAdding: boolean
}

/** The library: every model known, versions below their source. */
export function ModelList({ library, selectedId, onAdd, isAdding }: ModelListProps) {
  const [filter, setFilter] = useState('')
  const rows = libraryRows(library.data?.models ?? [])
  const shown = filterLibrary(rows, filter)
  return (
    <>
      <div className="flex h-14 shrink-0 items-center gap-2 border-b border-line pr-2 pl-4">
        <h1 className="flex-1 text-sm font-semibold text-ink">Library</h1>
        <IconButton label="Add a model" icon={FolderPlus} pending={isAdding} onClick={onAdd} />
      </div>
      {rows.length > 5 && (
        <SearchInput label="Filter models" value={filter} onChange={setFilter} className="m-2 mb-0" />
      )}
      {library.error ? (
        <ErrorView error={library.error} onRetry={library.refetch} className="m-3" />
      ) : library.isLoading ? (
        <SkeletonRows rows={4} label="Loading models" />
      ) : rows.length === 0 ? (
        <p className="p-4 text-ink-3">No models yet.</p>
      ) : (
        <ul onKeyDown={moveFocus} className="flex min-h-0 flex-1 flex-col gap-0.5 overflow-y-auto p-2">
          {shown.map((row) => (
            <li key={row.model.id}>
              <ModelCard row={row} isSelected={row.model.id === selectedId} />
            </li>
          ))}
          {shown.length === 0 && <li className="p-4 text-center text-ink-3">No model matches.</li>}
        </ul>
      )}
      <DemoOffer />
    </>
  )
}

function ModelCard({ row: { model, depth }, isSelected }: { row: LibraryRow; isSelected: boolean }) {
  const problem = uselessBecause(model)
  return (
    <a
      href={hrefFor('models', { model: model.id })}
      aria-current={isSelected ? 'true' : undefined}
      className={cn(
        'relative block rounded-md px-2.5 py-2 transition-colors duration-120 focus-visible:-outline-offset-1',
        depth === 1 &&
          'ml-4 before:absolute before:-top-0.5 before:bottom-1/2 before:-left-2 before:w-2 before:rounded-bl-sm before:border-b before:border-l before:border-line-strong',
        isSelected ? 'bg-selected' : 'hover:bg-hover',
      )}
    >
      <span className="flex items-center gap-1.5">
        {model.vision && (
          <Eye role="img" aria-label="sees pictures" className="size-4 shrink-0 text-ink-3" strokeWidth={1.6} />
        )}
        <span className="min-w-0 flex-1 truncate font-medium text-ink">{model.name}</span>
        {problem && (
          <TriangleAlert aria-label={`Problem: ${problem.message}`} className="size-3.5 shrink-0 text-warn-text" />
        )}
        {model.origin === 'demo' && <Badge tone="accent">Demo</Badge>}
      </span>
      <span className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-2 text-xs text-ink-3">
        <span className="truncate">
          {[kindName(model) ?? familyName(model), formatParameters(model.parameters)].filter(Boolean).join(' · ')}
        </span>
        <span className="text-right">{formatDisk(model.fileBytes)}</span>
        <span className="truncate">{model.quantization?.label ?? model.dtype}</span>
        <span className="text-right">{model.config && `${model.config.contextLength} tokens`}</span>
      </span>
    </a>
  )
}

/** Up and down move between the cards. */
function moveFocus(event: KeyboardEvent<HTMLUListElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  if (step === 0) return
  const links: (Element | null)[] = [...event.currentTarget.querySelectorAll('a')]
  const index = links.indexOf(document.activeElement)
  event.preventDefault()
  const next = links[Math.min(links.length - 1, Math.max(0, index + step))]
  if (next instanceof HTMLElement) next.focus()
}
