import { useVirtualizer } from '@tanstack/react-virtual'
import { SlidersHorizontal } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import type { HubQuery } from '../../../electron/contract/hub.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { Button } from '../../ui/button.tsx'
import { SearchInput } from '../../ui/input.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { FilterPanel } from './filter-panel.tsx'
import { ResultCard } from './result-card.tsx'
import type { HubSearch } from './use-hub-search.ts'

export interface SearchPaneProps {
  query: HubQuery
  onQuery(query: HubQuery): void
  search: HubSearch
  /** owner/name of the model that is shown. */
  selected: string | null
}

const CARD_HEIGHT = 72

/** Words, filters and what was found. Only the visible results are in the document. */
export function SearchPane({ query, onQuery, search, selected }: SearchPaneProps) {
  const [filters, setFilters] = useState(false)
  const set = count(query)
  return (
    <>
      <div className="flex h-14 shrink-0 items-center gap-2 border-b border-line pr-2 pl-4">
        <h1 className="flex-1 text-sm font-semibold text-ink">Hub</h1>
        <Button size="sm" variant="ghost" aria-expanded={filters} onClick={() => setFilters(!filters)}>
          <SlidersHorizontal aria-hidden />
          Filters{set > 0 && ` (${set})`}
        </Button>
      </div>
      <SearchInput
        label="Search the Hub"
        value={query.text}
        onChange={(text) => onQuery({ ...query, text })}
        className="m-2 mb-1"
      />
      {filters && <FilterPanel query={query} onQuery={onQuery} />}
      {search.error && search.models.length === 0 ? (
        <ErrorView error={search.error} onRetry={search.retry} className="m-3" />
      ) : search.pending && search.models.length === 0 ? (
        <SkeletonRows rows={6} label="Searching" />
      ) : search.models.length === 0 && !search.hasMore ? (
        <p className="p-4 text-center text-sm text-ink-3">No model matches. Fewer words or filters find more.</p>
      ) : (
        <Results search={search} selected={selected} />
      )}
    </>
  )
}

/** So few need no window onto them. */
const VIRTUAL_FROM = 60

function Results({ search, selected }: { search: HubSearch; selected: string | null }) {
  const { models, more, hasMore, pending, error, retry } = search
  const scroller = useRef<HTMLElement>(null)
  const isVirtual = models.length > VIRTUAL_FROM
  const virtualizer = useVirtualizer({
    count: isVirtual ? models.length : 0,
    getScrollElement: () => scroller.current,
    estimateSize: () => CARD_HEIGHT,
    overscan: 6,
    initialRect: { width: 360, height: 700 },
  })
  const items = virtualizer.getVirtualItems()
  const shown = isVirtual
    ? items.map(({ index, start }) => ({ index, top: start }))
    : models.map((_, index) => ({ index, top: index * CARD_HEIGHT }))
  const atEnd = (shown.at(-1)?.index ?? 0) >= models.length - 8
  useEffect(() => {
    if (atEnd && hasMore && !pending && error === null) more()
  }, [atEnd, hasMore, pending, error, more])
  return (
    <section ref={scroller} aria-label="Results" className="min-h-0 flex-1 overflow-y-auto px-2 pb-2">
      <ul aria-label="Models" className="relative" style={{ height: models.length * CARD_HEIGHT }}>
        {shown.map(({ index, top }) => {
          const model = models[index]
          return model === undefined ? null : (
            <li
              key={model.name}
              aria-setsize={hasMore ? -1 : models.length}
              aria-posinset={index + 1}
              className="absolute inset-x-0"
              style={{ top, height: CARD_HEIGHT }}
            >
              <ResultCard model={model} isSelected={model.name === selected} />
            </li>
          )
        })}
      </ul>
      {error && <ErrorView error={error} onRetry={retry} className="m-1" />}
      {pending && <p className="p-3 text-center text-xs text-ink-3">Loading more</p>}
    </section>
  )
}

/** How many filters are set. */
function count({ author, licence, fits, supported, quantized }: HubQuery): number {
  return [author !== '', licence !== '', fits, supported, quantized !== 'any'].filter(Boolean).length
}
