import { memo } from 'react'
import type { SelectMode } from './block-grid.tsx'
import type { CellNames, GridRow } from './grid-model.ts'

/** What a cell shows. Colour only underlines what `text` says. */
export interface CellView {
  readonly text: string
  /** Second, quieter number. */
  readonly detail: string
  /** Everything in words, for screen readers. */
  readonly words: string
  /** CSS colours; null leaves the cell outlined. */
  readonly fill: string | null
  readonly ink: string | null
  /** Marks the cell that is being worked on. */
  readonly isBusy?: boolean
}

interface GridRowProps {
  row: GridRow
  index: number
  columns: number
  top: number
  rowHeight: number
  columnWidth: number
  rowHeaderWidth: number
  firstColumn: number
  lastColumn: number
  /** Column of the cell that Tab reaches; null when it is in another row. */
  activeColumn: number | null
  view(names: CellNames): CellView
  selected: ReadonlySet<string> | undefined
  onSelectRow: ((row: number, mode: SelectMode) => void) | undefined
}

export const GridRowView = memo(function GridRowView(props: GridRowProps) {
  const { row, index, top, rowHeight, columnWidth, rowHeaderWidth, activeColumn, onSelectRow } = props
  const label = row.isWide ? row.label : `block ${row.label}`
  // One width for all cells, not one style each.
  const rowStyle = { transform: `translateY(${top}px)`, height: rowHeight, '--cell-width': `${columnWidth - 2}px` }
  return (
    // biome-ignore lint/a11y/useSemanticElements: only the cells in view exist, placed freely; a table cannot do that
    <div
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      data-row={index}
      style={rowStyle}
      className="absolute inset-x-0 top-0 contain-strict"
    >
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      <div
        role="rowheader"
        tabIndex={-1}
        aria-colindex={1}
        style={{ width: rowHeaderWidth, height: rowHeight }}
        className="sticky left-0 z-10 border-r border-line bg-surface text-xs text-ink-3"
      >
        {onSelectRow ? (
          <button
            type="button"
            tabIndex={-1}
            aria-label={`Select ${label}`}
            onClick={(event) =>
              onSelectRow(index, event.ctrlKey || event.metaKey || event.shiftKey ? 'add' : 'replace')
            }
            className="flex h-full w-full items-center justify-end truncate px-2 hover:bg-hover hover:text-ink"
          >
            {row.label}
          </button>
        ) : (
          <span className="flex h-full items-center justify-end px-2">{row.label}</span>
        )}
      </div>
      {row.isWide ? (
        <GridCell
          {...cellProps(props, 0)}
          left={rowHeaderWidth + 1}
          width={props.columns * columnWidth - 2}
          span={props.columns}
          isActive={activeColumn !== null}
        />
      ) : (
        columnsIn(props).map((column) => (
          <GridCell
            key={column}
            {...cellProps(props, column)}
            left={rowHeaderWidth + column * columnWidth + 1}
            span={1}
            isActive={activeColumn === column}
          />
        ))
      )}
    </div>
  )
})

function columnsIn({ firstColumn, lastColumn, activeColumn }: GridRowProps): number[] {
  const columns: number[] = []
  for (let column = firstColumn; column <= lastColumn; column += 1) columns.push(column)
  if (activeColumn !== null && (activeColumn < firstColumn || activeColumn > lastColumn)) columns.push(activeColumn)
  return columns
}

function cellProps({ row, view, selected }: GridRowProps, column: number) {
  const names = row.cells[column] ?? []
  return {
    column,
    view: names.length === 0 ? null : view(names),
    isSelectable: selected !== undefined,
    ...selectionOf(names, selected),
  }
}

/** All layers of the cell, or some of them. */
function selectionOf(names: CellNames, selected: ReadonlySet<string> | undefined) {
  if (selected === undefined || selected.size === 0) return { isSelected: false, isPartly: false }
  const count = names.reduce((sum, name) => sum + (selected.has(name) ? 1 : 0), 0)
  return { isSelected: count > 0 && count === names.length, isPartly: count > 0 && count < names.length }
}

interface GridCellProps {
  column: number
  left: number
  /** Of a cell over several columns. */
  width?: number
  span: number
  view: CellView | null
  isSelectable: boolean
  isSelected: boolean
  /** Some of the cell's layers are selected. */
  isPartly: boolean
  isActive: boolean
}

/** Built from whole strings: thousands of cells pass through here while scrolling, and merging class names costs more than drawing. */
const CELL =
  'absolute inset-y-px w-(--cell-width) flex items-center gap-1 overflow-hidden rounded-[2px] px-1.5 text-xs whitespace-nowrap focus-visible:outline-2 focus-visible:outline-offset-0 focus-visible:outline-accent'
const OUTLINED = `${CELL} text-ink-2 shadow-[inset_0_0_0_1px_var(--line)]`
const BUSY = `${CELL} text-accent-text shadow-[inset_0_0_0_2px_var(--accent)]`

const GridCell = memo(function GridCell(props: GridCellProps) {
  const { column, left, width, span, view, isSelectable, isSelected, isPartly, isActive } = props
  const fill = view?.fill ?? undefined
  return (
    // biome-ignore lint/a11y/useSemanticElements: see the row
    <div
      role="gridcell"
      aria-colindex={column + 2}
      aria-colspan={span > 1 ? span : undefined}
      aria-selected={isSelectable ? isSelected : undefined}
      aria-label={view === null ? 'no such layer' : isPartly ? `${view.words}; partly selected` : view.words}
      tabIndex={isActive ? 0 : -1}
      data-active={isActive || undefined}
      style={{ left, width, background: fill, color: view?.ink ?? undefined }}
      className={fill !== undefined || view === null ? CELL : view.isBusy ? BUSY : OUTLINED}
    >
      {view !== null && (
        <>
          <span className="font-medium">{view.text}</span>
          <span className="ml-auto">{view.detail}</span>
          {isSelected && <SelectionMark />}
          {isPartly && <span aria-hidden className={CORNER} />}
        </>
      )}
    </div>
  )
})

const CORNER = 'absolute top-0 right-0 border-[5px] border-ink border-b-transparent border-l-transparent'

/** A frame in two tones, visible on any colour, and a corner, so that selection is not a matter of colour. */
function SelectionMark() {
  return (
    <>
      <span
        aria-hidden
        className="absolute inset-0 rounded-[2px] shadow-[inset_0_0_0_2px_var(--ink),inset_0_0_0_3px_var(--surface)]"
      />
      <span aria-hidden className={CORNER} />
    </>
  )
}
