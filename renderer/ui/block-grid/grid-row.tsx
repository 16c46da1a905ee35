import { memo } from 'react'
import type { SelectMode } from './block-grid.tsx'
import type { CellNames, GridRow } from './grid-model.ts'
import { STRETCH } from './grid-window.ts'

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
  const cellProps = { row, view: props.view, selected: props.selected }
  return (
    // biome-ignore lint/a11y/useSemanticElements: only the cells in view exist, placed freely; a table cannot do that
    <div
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      data-row={index}
      style={{ top, height: rowHeight }}
      className={ROW}
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
            aria-label={`Select ${row.name}`}
            onClick={(event) =>
              onSelectRow(index, event.ctrlKey || event.metaKey || event.shiftKey ? 'add' : 'replace')
            }
            className={`flex h-full w-full items-center truncate px-2 hover:bg-hover hover:text-ink ${rowHeaderLook(row)}`}
          >
            {row.label}
          </button>
        ) : (
          <span className={`flex h-full items-center px-2 ${rowHeaderLook(row)}`}>{row.label}</span>
        )}
      </div>
      {row.isWide ? (
        <CellStretch
          {...cellProps}
          first={0}
          last={0}
          left={rowHeaderWidth}
          cellWidth={props.columns * columnWidth}
          span={props.columns}
          activeColumn={activeColumn === null ? null : 0}
        />
      ) : (
        stretchesIn(props).map((first) => {
          const last = Math.min(first + STRETCH, props.columns) - 1
          const isActiveHere = activeColumn !== null && activeColumn >= first && activeColumn <= last
          return (
            <CellStretch
              key={first}
              {...cellProps}
              first={first}
              last={last}
              left={rowHeaderWidth + first * columnWidth}
              cellWidth={columnWidth}
              span={1}
              activeColumn={isActiveHere ? activeColumn : null}
            />
          )
        })
      )}
    </div>
  )
})

/** A tower's name stands where its blocks' numbers do not. */
function rowHeaderLook({ isGroup }: GridRow): string {
  return isGroup ? 'justify-start font-semibold text-ink capitalize' : 'justify-end'
}

/** First columns of the stretches in view, and of the one with the focused cell. */
function stretchesIn({ firstColumn, lastColumn, activeColumn }: GridRowProps): number[] {
  const start = (column: number) => column - (column % STRETCH)
  const found: number[] = []
  for (let first = start(firstColumn); first <= lastColumn; first += STRETCH) found.push(first)
  if (activeColumn !== null && !found.includes(start(activeColumn))) found.push(start(activeColumn))
  return found.sort((a, b) => a - b)
}

interface CellStretchProps {
  row: GridRow
  first: number
  last: number
  left: number
  cellWidth: number
  span: number
  activeColumn: number | null
  view(names: CellNames): CellView
  selected: ReadonlySet<string> | undefined
}

/**
 * A few neighbouring cells of a row. Scrolling adds and removes whole stretches: those that stay are neither rendered nor laid
 * out nor painted again.
 */
const CellStretch = memo(function CellStretch(props: CellStretchProps) {
  const { row, first, last, left, cellWidth, span, activeColumn, view, selected } = props
  const count = last - first + 1
  const columns = Array.from({ length: count }, (_, offset) => first + offset)
  return (
    <div
      style={{ left, width: count * cellWidth, gridTemplateColumns: `repeat(${count}, ${cellWidth}px)` }}
      className={STRETCHED}
    >
      {columns.map((column) => {
        const names = row.cells[column] ?? []
        return (
          <GridCell
            key={column}
            column={column}
            span={span}
            view={names.length === 0 ? null : view(names)}
            maxCharacters={Math.floor((cellWidth - CELL_PADDING_PX) / CHARACTER_PX)}
            isSelectable={selected !== undefined}
            isActive={activeColumn === column}
            {...selectionOf(names, selected)}
          />
        )
      })}
    </div>
  )
})

/** All layers of the cell, or some of them. */
function selectionOf(names: CellNames, selected: ReadonlySet<string> | undefined) {
  if (selected === undefined || selected.size === 0) return { isSelected: false, isPartly: false }
  const count = names.reduce((sum, name) => sum + (selected.has(name) ? 1 : 0), 0)
  return { isSelected: count > 0 && count === names.length, isPartly: count > 0 && count < names.length }
}

interface GridCellProps {
  column: number
  span: number
  view: CellView | null
  /** What surely fits; longer texts are clipped. */
  maxCharacters: number
  isSelectable: boolean
  isSelected: boolean
  /** Some of the cell's layers are selected. */
  isPartly: boolean
  isActive: boolean
}

/**
 * Thousands of cells pass through here while scrolling. Rows and stretches are laid out and painted apart from each other; a
 * cell is neither positioned nor clipped, which would make it a layer of its own. Classes are whole strings, since merging
 * names costs more than drawing.
 */
const ROW = 'absolute inset-x-0 [contain:size_layout_style]'
const STRETCHED = 'absolute inset-y-0 z-0 grid grid-rows-[100%] [contain:size_layout_style]'
const CELL =
  'm-px rounded-[2px] px-1 text-xs/7 font-medium whitespace-nowrap focus-visible:outline-2 focus-visible:outline-offset-0 focus-visible:outline-accent'
const OUTLINED = `${CELL} text-ink-2 shadow-[inset_0_0_0_1px_var(--line)]`
const BUSY = `${CELL} text-accent-text shadow-[inset_0_0_0_2px_var(--accent)]`
/** Pixels that a character takes at most, in any font that we ask for. */
const CHARACTER_PX = 7
const CELL_PADDING_PX = 10

const GridCell = memo(function GridCell(props: GridCellProps) {
  const { column, span, view, isSelectable, isSelected, isPartly, isActive } = props
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
      style={{ background: fill, color: view?.ink ?? undefined }}
      className={classOf(props)}
    >
      {view?.text}
      {view !== null && <span className="float-right font-normal">{view.detail}</span>}
      {isSelected && <SelectionMark />}
      {isPartly && <span aria-hidden className={CORNER} />}
    </div>
  )
})

function classOf({ view, isSelected, isPartly, maxCharacters }: GridCellProps): string {
  const look = view === null || view.fill !== null ? CELL : view.isBusy ? BUSY : OUTLINED
  if (isSelected || isPartly) return `${look} relative overflow-hidden`
  return view !== null && view.text.length + view.detail.length > maxCharacters ? `${look} overflow-hidden` : look
}

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
