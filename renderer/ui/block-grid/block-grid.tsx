import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { cn } from '../cn.ts'
import { GridHeader } from './grid-header.tsx'
import { moveFocus } from './grid-keys.ts'
import type { CellNames, CellPosition, GridModel } from './grid-model.ts'
import { allNames, namesBetween, namesOfColumn, namesOfRow } from './grid-model.ts'
import { type CellView, GridRowView } from './grid-row.tsx'
import { columnWidthFor, type GridMetrics, useElementSize, useGridRange } from './grid-window.ts'

export type SelectMode = 'replace' | 'add' | 'toggle'

export interface BlockGridProps {
  /** Name for screen readers. */
  label: string
  model: GridModel
  /** What a cell shows. Keep its identity as long as nothing changes: rows re-render with it. */
  view(names: CellNames): CellView
  /** Selectable when given. */
  selected?: ReadonlySet<string>
  onSelect?(names: readonly string[], mode: SelectMode): void
  /** The cell under the pointer, or else the focused one; null when neither is. */
  onPoint?(names: CellNames | null): void
  /** Keys that are not about moving or selecting; return true when used. */
  onKey?(key: string): boolean
  /** Instead of rows when there are none. */
  empty?: ReactNode
  className?: string
}

interface Brush {
  readonly mode: SelectMode
  last: CellPosition
  /** Where it began, in client pixels. */
  readonly x: number
  readonly y: number
}

const DRAG_PIXELS = 4
const ROW_HEIGHT = 30
const HEADER_HEIGHT = 44

/**
 * Blocks x linear tags, the signature of the app: choosing bits, watching errors and comparing runs happen on the same
 * geometry. Only the cells in view are in the document. Click, Shift+click and drag select; so do row and column headers.
 */
export function BlockGrid({
  label,
  model,
  view,
  selected,
  onSelect,
  onPoint,
  onKey,
  empty,
  className,
}: BlockGridProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const size = useElementSize(scroller)
  const metrics = useMetrics(model, size.width)
  const counts = { rows: model.rows.length, columns: model.columns.length }
  const range = useGridRange(scroller, size, metrics, counts)
  const [active, setActive] = useState<CellPosition>({ row: 0, column: 0 })
  const anchor = useRef<CellPosition>({ row: 0, column: 0 })
  const brush = useRef<Brush | null>(null)
  const current = clampTo(active, counts)
  const cachedView = useMemo(() => remembered(view), [view])

  useEffect(() => {
    const stop = () => {
      brush.current = null
    }
    window.addEventListener('pointerup', stop)
    window.addEventListener('pointercancel', stop)
    return () => {
      window.removeEventListener('pointerup', stop)
      window.removeEventListener('pointercancel', stop)
    }
  }, [])

  function selectTo(to: CellPosition, mode: SelectMode): void {
    onSelect?.(namesBetween(model, anchor.current, to), mode)
  }

  function onPointerDown(event: PointerEvent<HTMLDivElement>): void {
    const at = cellOf(event.target)
    if (event.button !== 0 || at === null) return
    setActive(at)
    if (!onSelect) return
    if (event.shiftKey) {
      selectTo(at, 'replace')
      brush.current = { mode: 'replace', last: at, x: event.clientX, y: event.clientY }
      return
    }
    anchor.current = at
    const mod = event.ctrlKey || event.metaKey
    selectTo(at, mod ? 'toggle' : 'replace')
    brush.current = { mode: mod ? 'add' : 'replace', last: at, x: event.clientX, y: event.clientY }
  }

  function onPointerOver(event: PointerEvent<HTMLDivElement>): void {
    const at = cellOf(event.target)
    if (at === null) return
    onPoint?.(model.rows[at.row]?.cells[at.column] ?? null)
    const drag = brush.current
    if (drag === null || (drag.last.row === at.row && drag.last.column === at.column)) return
    // The page may have moved under a pointer that did not: that is no drag.
    if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < DRAG_PIXELS) return
    drag.last = at
    setActive(at)
    selectTo(at, drag.mode)
  }

  function focusCell(at: CellPosition): void {
    setActive(at)
    const element = scroller.current
    if (element === null) return
    scrollIntoView(element, at, metrics, model.rows[at.row]?.isWide ?? false)
    // The cell may only be rendered on the next frame.
    requestAnimationFrame(() =>
      element.querySelector<HTMLElement>('[data-active="true"]')?.focus({ preventScroll: true }),
    )
  }

  function onKeyDown(event: KeyboardEvent<HTMLDivElement>): void {
    const press = { key: event.key, shift: event.shiftKey, mod: event.ctrlKey || event.metaKey }
    const page = Math.max(1, Math.floor((size.height - HEADER_HEIGHT) / ROW_HEIGHT) - 1)
    const next = moveFocus(model, current, press, page)
    if (next !== null) {
      event.preventDefault()
      if (press.shift) selectTo(next, 'replace')
      else anchor.current = next
      focusCell(next)
      return
    }
    if (handleSelectionKey(press) || (!press.mod && onKey?.(event.key))) event.preventDefault()
  }

  function selectRow(row: number, mode: SelectMode): void {
    onSelect?.(namesOfRow(model, row), mode)
    anchor.current = { row, column: current.column }
    focusCell(anchor.current)
  }

  function selectColumn(column: number, mode: SelectMode): void {
    onSelect?.(namesOfColumn(model, column), mode)
    anchor.current = { row: current.row, column }
    focusCell(anchor.current)
  }

  function selectAll(): void {
    onSelect?.(allNames(model), 'replace')
  }

  /** Space as in spreadsheets: alone the cell, with Shift its row, with Mod its column; Mod+A everything. */
  function handleSelectionKey({ key, shift, mod }: { key: string; shift: boolean; mod: boolean }): boolean {
    if (!onSelect) return false
    if (key === ' ') {
      anchor.current = current
      if (shift) onSelect(namesOfRow(model, current.row), 'replace')
      else if (mod) onSelect(namesOfColumn(model, current.column), 'replace')
      else onSelect(namesBetween(model, current, current), 'toggle')
      return true
    }
    if (mod && key.toLowerCase() === 'a') {
      selectAll()
      return true
    }
    if (key === 'Escape' && (selected?.size ?? 0) > 0) {
      onSelect([], 'replace')
      return true
    }
    return false
  }

  // Header and rows are memoized: what they call must stay the same functions.
  const latest = useRef({ selectRow, selectColumn, selectAll })
  useEffect(() => {
    latest.current = { selectRow, selectColumn, selectAll }
  })
  const [stable] = useState(() => ({
    selectRow: (row: number, mode: SelectMode) => latest.current.selectRow(row, mode),
    selectColumn: (column: number, mode: SelectMode) => latest.current.selectColumn(column, mode),
    selectAll: () => latest.current.selectAll(),
  }))

  const rows: number[] = []
  for (let row = range.firstRow; row <= range.lastRow; row += 1) rows.push(row)
  // The focused cell stays in the document while it is scrolled away, so that the focus is not lost.
  if (current.row < range.firstRow) rows.unshift(current.row)
  else if (current.row > range.lastRow && current.row < counts.rows) rows.push(current.row)

  if (counts.rows === 0) return <div className={cn('min-h-0 flex-1', className)}>{empty}</div>
  const width = metrics.rowHeaderWidth + counts.columns * metrics.columnWidth
  return (
    // biome-ignore lint/a11y/useSemanticElements: only the cells in view exist, placed freely; a table cannot do that
    <div
      ref={scroller}
      tabIndex={-1}
      role="grid"
      aria-label={label}
      aria-rowcount={counts.rows + 1}
      aria-colcount={counts.columns + 1}
      aria-multiselectable={onSelect ? true : undefined}
      onKeyDown={onKeyDown}
      onPointerDown={onPointerDown}
      onPointerOver={onPointerOver}
      onPointerLeave={() => onPoint?.(null)}
      onFocus={(event) => {
        const at = cellOf(event.target)
        if (at !== null) onPoint?.(model.rows[at.row]?.cells[at.column] ?? null)
      }}
      className={cn('relative min-h-0 flex-1 bg-surface touch-pan-x touch-pan-y overflow-auto select-none', className)}
    >
      <div style={{ width, height: HEADER_HEIGHT + counts.rows * ROW_HEIGHT }} className="relative">
        <GridHeader
          columns={model.columns}
          metrics={metrics}
          firstColumn={range.firstColumn}
          lastColumn={range.lastColumn}
          onSelectColumn={onSelect ? stable.selectColumn : undefined}
          onSelectAll={onSelect ? stable.selectAll : undefined}
        />
        {rows.map((index) => {
          const row = model.rows[index]
          return (
            row && (
              <GridRowView
                key={row.key}
                row={row}
                index={index}
                columns={counts.columns}
                top={HEADER_HEIGHT + index * ROW_HEIGHT}
                rowHeight={metrics.rowHeight}
                columnWidth={metrics.columnWidth}
                rowHeaderWidth={metrics.rowHeaderWidth}
                firstColumn={range.firstColumn}
                lastColumn={range.lastColumn}
                activeColumn={index === current.row ? current.column : null}
                view={cachedView}
                selected={selected}
                onSelectRow={onSelect ? stable.selectRow : undefined}
              />
            )
          )
        })}
      </div>
    </div>
  )
}

/** The same cell, the same object: cells that only moved are not drawn again. */
function remembered(view: (names: CellNames) => CellView): (names: CellNames) => CellView {
  const known = new WeakMap<CellNames, CellView>()
  return (names) => {
    const found = known.get(names)
    if (found !== undefined) return found
    const made = view(names)
    known.set(names, made)
    return made
  }
}

function useMetrics(model: GridModel, width: number): GridMetrics {
  return useMemo(() => {
    // The header says "Block".
    const longest = model.rows.reduce((length, row) => Math.max(length, row.label.length), 5)
    const rowHeaderWidth = Math.min(120, Math.round(18 + longest * 6.4))
    return {
      rowHeight: ROW_HEIGHT,
      headerHeight: HEADER_HEIGHT,
      rowHeaderWidth,
      columnWidth: columnWidthFor(width, rowHeaderWidth, model.columns.length),
    }
  }, [model, width])
}

function clampTo({ row, column }: CellPosition, counts: { rows: number; columns: number }): CellPosition {
  return { row: Math.max(0, Math.min(row, counts.rows - 1)), column: Math.max(0, Math.min(column, counts.columns - 1)) }
}

/** Position of the cell an event came from. */
function cellOf(target: EventTarget): CellPosition | null {
  const cell = target instanceof Element ? target.closest('[role="gridcell"]') : null
  const row = cell?.closest<HTMLElement>('[data-row]')
  if (cell === null || row === null || row === undefined) return null
  return { row: Number(row.dataset.row), column: Number(cell.getAttribute('aria-colindex')) - 2 }
}

function scrollIntoView(element: HTMLElement, at: CellPosition, metrics: GridMetrics, isWide: boolean): void {
  const { rowHeight, columnWidth, headerHeight, rowHeaderWidth } = metrics
  const top = at.row * rowHeight
  const roomHeight = element.clientHeight - headerHeight
  if (top < element.scrollTop) element.scrollTop = top
  else if (top + rowHeight > element.scrollTop + roomHeight) element.scrollTop = top + rowHeight - roomHeight
  if (isWide) return
  const left = at.column * columnWidth
  const roomWidth = element.clientWidth - rowHeaderWidth
  if (left < element.scrollLeft) element.scrollLeft = left
  else if (left + columnWidth > element.scrollLeft + roomWidth) element.scrollLeft = left + columnWidth - roomWidth
}
