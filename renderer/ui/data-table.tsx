import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from 'react'
import { cn } from './cn.ts'

export interface Column<R> {
  readonly id: string
  readonly header: ReactNode
  /** Name for screen readers where `header` is not text. */
  readonly headerLabel?: string
  cell(row: R): ReactNode
  /** Enables sorting. Numbers sort as numbers, null goes last. */
  sortBy?(row: R): number | string | null
  /** Numbers stand right. */
  readonly align?: 'left' | 'right'
  /** CSS width, e.g. `8rem`; columns without one share the rest. */
  readonly width?: string
  readonly className?: string
}

export interface DataTableProps<R> {
  /** Name for screen readers. */
  label: string
  columns: readonly Column<R>[]
  rows: readonly R[]
  rowKey(row: R): string
  /** Makes rows selectable: arrows move, Enter or a press chooses. */
  onSelect?(row: R): void
  selectedKey?: string | null
  initialSort?: { readonly id: string; readonly descending: boolean }
  /** Height of a row in pixels. */
  rowHeight?: number
  /** Shown instead of rows when there are none. */
  empty?: ReactNode
  /** Smallest width before the table scrolls sideways. */
  minWidth?: string
  /** Widest the table grows, so that a row can still be followed on a wide screen. */
  maxWidth?: string
  className?: string
}

const VIRTUAL_FROM = 200

/** A table with a sticky header, sorting, and only the visible rows in the document when there are more than 200. */
export function DataTable<R>(props: DataTableProps<R>) {
  const {
    label,
    columns,
    rows,
    rowKey,
    onSelect,
    selectedKey,
    rowHeight = 32,
    empty,
    minWidth,
    maxWidth,
    className,
  } = props
  const [sort, setSort] = useState(props.initialSort ?? null)
  const scroller = useRef<HTMLElement>(null)
  const sorted = useMemo(() => sortRows(rows, columns, sort), [rows, columns, sort])
  const isVirtual = sorted.length > VIRTUAL_FROM
  const virtualizer = useVirtualizer({
    count: isVirtual ? sorted.length : 0,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    initialRect: { width: 800, height: 600 },
  })
  const [focusIndex, setFocusIndex] = useState(0)
  const items = virtualizer.getVirtualItems()
  const first = isVirtual ? (items[0]?.index ?? 0) : 0
  const last = isVirtual ? (items.at(-1)?.index ?? -1) : sorted.length - 1

  function moveFocus(event: KeyboardEvent<HTMLTableSectionElement>): void {
    if (!onSelect) return
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 320) / rowHeight) - 2)
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -sorted.length,
      End: sorted.length,
    }
    const row = sorted[focusIndex]
    if (
      (event.key === 'Enter' || event.key === ' ') &&
      row !== undefined &&
      event.target instanceof HTMLTableRowElement
    ) {
      event.preventDefault()
      onSelect(row)
      return
    }
    const step = steps[event.key]
    if (step === undefined || !(event.target instanceof HTMLTableRowElement)) return
    event.preventDefault()
    const next = Math.min(sorted.length - 1, Math.max(0, focusIndex + step))
    setFocusIndex(next)
    if (isVirtual) virtualizer.scrollToIndex(next)
    // The row may only be rendered on the next frame.
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus())
  }

  return (
    <section
      ref={scroller}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard
      tabIndex={0}
      aria-label={label}
      className={cn('min-h-0 flex-1 overflow-auto focus-visible:-outline-offset-2', className)}
    >
      <table
        aria-label={label}
        role={onSelect ? 'grid' : undefined}
        aria-rowcount={isVirtual ? sorted.length + 1 : undefined}
        className="w-full border-separate border-spacing-0 text-sm"
        style={{ minWidth, maxWidth, tableLayout: isVirtual ? 'fixed' : 'auto' }}
      >
        <thead>
          <tr>
            {columns.map((column) => (
              <HeaderCell key={column.id} column={column} sort={sort} onSort={setSort} />
            ))}
          </tr>
        </thead>
        <tbody onKeyDown={moveFocus}>
          {first > 0 && <Spacer rows={first} height={rowHeight} columns={columns.length} />}
          {sorted.slice(first, last + 1).map((row, offset) => {
            const index = first + offset
            const key = rowKey(row)
            const isSelected = selectedKey === key
            return (
              <tr
                key={key}
                data-index={index}
                aria-rowindex={isVirtual ? index + 2 : undefined}
                aria-selected={onSelect ? isSelected : undefined}
                tabIndex={onSelect ? (index === Math.min(focusIndex, sorted.length - 1) ? 0 : -1) : undefined}
                onFocus={onSelect ? () => setFocusIndex(index) : undefined}
                onClick={onSelect ? () => onSelect(row) : undefined}
                style={{ height: rowHeight }}
                className={cn(
                  'group focus-visible:-outline-offset-2',
                  isSelected ? 'bg-selected' : onSelect && 'hover:bg-hover',
                )}
              >
                {columns.map((column) => (
                  <td
                    key={column.id}
                    role={onSelect ? 'gridcell' : undefined}
                    className={cn(
                      'truncate border-b border-line/60 px-3 py-0 first:pl-5 last:pr-5',
                      column.align === 'right' && 'text-right',
                      column.className,
                    )}
                  >
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            )
          })}
          {isVirtual && last < sorted.length - 1 && (
            <Spacer rows={sorted.length - 1 - last} height={rowHeight} columns={columns.length} />
          )}
        </tbody>
      </table>
      {sorted.length === 0 && <div className="p-6 text-center text-sm text-ink-3">{empty ?? 'Nothing here.'}</div>}
    </section>
  )
}

interface Sort {
  readonly id: string
  readonly descending: boolean
}

function HeaderCell<R>({ column, sort, onSort }: { column: Column<R>; sort: Sort | null; onSort(sort: Sort): void }) {
  const active = sort?.id === column.id ? sort : null
  const Arrow = active?.descending ? ArrowDown : ArrowUp
  return (
    <th
      scope="col"
      aria-sort={active ? (active.descending ? 'descending' : 'ascending') : undefined}
      style={{ width: column.width }}
      className={cn(
        'sticky top-0 z-10 h-8 border-b border-line bg-surface px-3 text-left text-xs font-medium whitespace-nowrap text-ink-3 first:pl-5 last:pr-5',
        column.align === 'right' && 'text-right',
      )}
    >
      {column.sortBy ? (
        <button
          type="button"
          onClick={() => onSort({ id: column.id, descending: active ? !active.descending : false })}
          className={cn(
            'group/sort inline-flex align-middle items-center gap-1 rounded-sm hover:text-ink',
            active && 'text-ink',
          )}
        >
          {column.align === 'right' && (
            <Arrow aria-hidden className={cn('size-3', !active && 'opacity-0 group-hover/sort:opacity-60')} />
          )}
          {column.header}
          {column.align !== 'right' && (
            <Arrow aria-hidden className={cn('size-3', !active && 'opacity-0 group-hover/sort:opacity-60')} />
          )}
        </button>
      ) : (
        column.header
      )}
      {column.headerLabel && <span className="sr-only">{column.headerLabel}</span>}
    </th>
  )
}

/** Stands for rows outside the view. */
function Spacer({ rows, height, columns }: { rows: number; height: number; columns: number }) {
  return (
    <tr aria-hidden style={{ height: rows * height }}>
      <td colSpan={columns} className="p-0" />
    </tr>
  )
}

/** Rows in the order of `sort`; the sort is stable, and rows without a value stand last either way. */
export function sortRows<R>(rows: readonly R[], columns: readonly Column<R>[], sort: Sort | null): readonly R[] {
  const column = columns.find(({ id }) => id === sort?.id)
  if (!sort || !column?.sortBy) return rows
  const sign = sort.descending ? -1 : 1
  return rows
    .map((row) => ({ row, value: column.sortBy?.(row) ?? null }))
    .toSorted((a, b) => {
      if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null)
      if (typeof a.value === 'number' && typeof b.value === 'number') return sign * (a.value - b.value)
      return sign * collator.compare(String(a.value), String(b.value))
    })
    .map(({ row }) => row)
}

/** `layers.2` before `layers.10`. */
const collator = new Intl.Collator(undefined, { numeric: true })
