import { memo } from 'react'
import { cn } from '../cn.ts'
import type { SelectMode } from './block-grid.tsx'
import type { GridColumn } from './grid-model.ts'
import type { GridMetrics } from './grid-window.ts'

interface GridHeaderProps {
  columns: readonly GridColumn[]
  metrics: GridMetrics
  firstColumn: number
  lastColumn: number
  onSelectColumn: ((column: number, mode: SelectMode) => void) | undefined
  onSelectAll: (() => void) | undefined
}

/** Tags over the columns, the part they share once above them. A press selects the column, on the corner everything. */
export const GridHeader = memo(function GridHeader(props: GridHeaderProps) {
  const { columns, metrics, firstColumn, lastColumn, onSelectColumn, onSelectAll } = props
  const { headerHeight, rowHeaderWidth, columnWidth } = metrics
  const shown = columns.slice(firstColumn, lastColumn + 1)
  return (
    // biome-ignore lint/a11y/useSemanticElements: only the cells in view exist, placed freely; a table cannot do that
    <div
      role="row"
      tabIndex={-1}
      aria-rowindex={1}
      style={{ height: headerHeight }}
      className="sticky top-0 z-20 border-b border-line bg-surface text-xs"
    >
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      <div
        role="columnheader"
        tabIndex={-1}
        aria-colindex={1}
        style={{ width: rowHeaderWidth, height: headerHeight - 1 }}
        className="sticky left-0 z-10 flex items-end border-r border-line bg-surface"
      >
        {onSelectAll ? (
          <button
            type="button"
            tabIndex={-1}
            onClick={onSelectAll}
            className="w-full px-2 pb-1.5 text-left font-medium text-ink-3 hover:bg-hover hover:text-ink"
          >
            Block
          </button>
        ) : (
          <span className="px-2 pb-1.5 font-medium text-ink-3">Block</span>
        )}
      </div>
      {shown.map((column, offset) => {
        const index = firstColumn + offset
        return (
          <ColumnHeader
            key={column.key}
            column={column}
            index={index}
            left={rowHeaderWidth + index * columnWidth}
            width={columnWidth}
            height={headerHeight - 1}
            startsGroup={index === 0 || columns[index - 1]?.group !== column.group}
            groupColumns={groupLength(columns, index)}
            onSelect={onSelectColumn}
          />
        )
      })}
    </div>
  )
})

interface ColumnHeaderProps {
  column: GridColumn
  index: number
  left: number
  width: number
  height: number
  startsGroup: boolean
  /** Columns of this group from here on. */
  groupColumns: number
  onSelect: ((column: number, mode: SelectMode) => void) | undefined
}

const ColumnHeader = memo(function ColumnHeader(props: ColumnHeaderProps) {
  const { column, index, left, width, height, startsGroup, groupColumns, onSelect } = props
  const content = (
    <>
      <span
        style={{ width: groupColumns * width - 16 }}
        className="block h-4 truncate font-normal text-ink-3"
        aria-hidden={!startsGroup}
      >
        {startsGroup && column.group}
      </span>
      <span className="block truncate font-medium text-ink-2">{column.label}</span>
    </>
  )
  return (
    // biome-ignore lint/a11y/useSemanticElements: see the row
    <div
      role="columnheader"
      tabIndex={-1}
      aria-colindex={index + 2}
      aria-label={column.key}
      style={{ left, width, height }}
      className={cn('absolute top-0', startsGroup && index > 0 && 'border-l border-line')}
    >
      {onSelect ? (
        <button
          type="button"
          tabIndex={-1}
          aria-label={`Select column ${column.key}`}
          onClick={(event) => onSelect(index, event.ctrlKey || event.metaKey || event.shiftKey ? 'add' : 'replace')}
          className="flex h-full w-full flex-col justify-end px-2 pb-1.5 text-left hover:bg-hover"
        >
          {content}
        </button>
      ) : (
        <div className="flex h-full flex-col justify-end px-2 pb-1.5">{content}</div>
      )}
    </div>
  )
})

function groupLength(columns: readonly GridColumn[], from: number): number {
  const group = columns[from]?.group
  const end = columns.findIndex((column, index) => index > from && column.group !== group)
  return (end < 0 ? columns.length : end) - from
}
