/** What the keys do in a grid: where the focus goes, and what is selected on the way. */
import type { CellPosition, GridModel } from './grid-model.ts'

export interface KeyPress {
  readonly key: string
  readonly shift: boolean
  readonly mod: boolean
}

/** The cell an arrow or paging key leads to; null for other keys. Empty cells can be passed over, so every cell is a stop. */
export function moveFocus(
  model: GridModel,
  from: CellPosition,
  { key, mod }: KeyPress,
  pageRows: number,
): CellPosition | null {
  const lastRow = model.rows.length - 1
  const lastColumn = model.columns.length - 1
  const to = (row: number, column: number): CellPosition => ({
    row: Math.max(0, Math.min(lastRow, row)),
    column: Math.max(0, Math.min(lastColumn, column)),
  })
  switch (key) {
    case 'ArrowUp':
      return to(mod ? 0 : from.row - 1, from.column)
    case 'ArrowDown':
      return to(mod ? lastRow : from.row + 1, from.column)
    case 'ArrowLeft':
      return to(from.row, mod ? 0 : from.column - 1)
    case 'ArrowRight':
      return to(from.row, mod ? lastColumn : from.column + 1)
    case 'Home':
      return to(mod ? 0 : from.row, 0)
    case 'End':
      return to(mod ? lastRow : from.row, lastColumn)
    case 'PageUp':
      return to(from.row - pageRows, from.column)
    case 'PageDown':
      return to(from.row + pageRows, from.column)
    default:
      return null
  }
}
