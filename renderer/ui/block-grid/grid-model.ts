/**
 * The geometry of a model's linear layers: a row per block, a column per linear tag, and a row of its own for each layer
 * outside the blocks. The towers of a model that sees are groups of rows, each below a row that stands for all of it. The same
 * on every screen that shows something per layer.
 */
import { linearTag } from '../../../electron/plan/tags.ts'

export interface GridLinear {
  readonly name: string
  readonly block: number | null
  readonly tag: string
  readonly tower?: string | undefined
}

/** Names of the layers in one cell: one, or the experts of a mixture; empty where a block has no such layer. */
export type CellNames = readonly string[]

export interface GridRow {
  readonly key: string
  readonly label: string
  /** For screen readers: "block 3", "vision block 3". */
  readonly name: string
  /** A single cell over the whole width: a layer outside the blocks, or a tower. */
  readonly isWide: boolean
  /** Its cell holds the layers of the rows below it. */
  readonly isGroup: boolean
  readonly cells: readonly CellNames[]
}

export interface GridColumn {
  readonly key: string
  /** Last part of the tag: `q_proj`. */
  readonly label: string
  /** What stands before it: `self_attn`; empty for short tags. */
  readonly group: string
}

export interface GridModel {
  readonly columns: readonly GridColumn[]
  readonly rows: readonly GridRow[]
  /** Whether some cell holds several layers, so that it can be spread out. */
  readonly hasShared: boolean
}

export interface CellPosition {
  readonly row: number
  readonly column: number
}

/** `spread` gives each expert a column of its own. Columns stand in the order in which their tags first appear. */
export function buildGrid(linears: readonly GridLinear[], { spread = false } = {}): GridModel {
  const columns = new Map<string, { index: number; column: GridColumn }>()
  const columnAt = (key: string): number => {
    const known = columns.get(key)
    if (known !== undefined) return known.index
    const index = columns.size
    columns.set(key, { index, column: columnOf(key) })
    return index
  }
  const towers = Map.groupBy(linears, ({ tower }) => tower)
  const groups = [...towers].map(([tower, own]) => ({ tower, own, ...rowsOf(own, tower, columnAt, spread) }))
  const isGrouped = towers.size > 1
  const rows = groups.flatMap(({ tower, own, rows: below }) =>
    isGrouped && tower !== undefined ? [groupRow(tower, own), ...below] : below,
  )
  return {
    columns: [...columns.values()].map(({ column }) => column),
    // Columns that a later block brought are holes in earlier ones.
    rows: rows.map((row) =>
      row.isWide ? row : { ...row, cells: Array.from({ length: columns.size }, (_, index) => row.cells[index] ?? []) },
    ),
    hasShared: groups.some(({ hasShared }) => hasShared),
  }
}

function groupRow(tower: string, own: readonly GridLinear[]): GridRow {
  const cells = [own.map(({ name }) => name)]
  return { key: `tower-${tower}`, label: tower, name: tower, isWide: true, isGroup: true, cells }
}

/** Blocks in order, then the layers outside of them. */
function rowsOf(
  linears: readonly GridLinear[],
  tower: string | undefined,
  columnAt: (key: string) => number,
  spread: boolean,
): { rows: GridRow[]; hasShared: boolean } {
  const prefix = tower === undefined ? '' : `${tower} `
  const blocks = new Map<number, string[][]>()
  let hasShared = false
  for (const linear of linears) {
    if (linear.block === null) continue
    const column = columnAt(keyOf(linear, spread))
    const cells = blocks.get(linear.block) ?? []
    blocks.set(linear.block, cells)
    const names = cells[column]
    if (names === undefined) cells[column] = [linear.name]
    else {
      names.push(linear.name)
      hasShared = true
    }
  }
  const rows = [...blocks]
    .sort(([a], [b]) => a - b)
    .map(([block, cells]): GridRow => {
      const label = String(block)
      return {
        key: `${prefix}block-${block}`,
        label,
        name: `${prefix}block ${block}`,
        isWide: false,
        isGroup: false,
        cells,
      }
    })
  for (const { name, block, tag } of linears) {
    if (block !== null) continue
    // The row of the tower has said the rest.
    const label = tower === undefined ? tag : (tag.split('.').at(-1) ?? tag)
    rows.push({ key: name, label, name: tag, isWide: true, isGroup: false, cells: [[name]] })
  }
  return { rows, hasShared }
}

/**
 * Names in the rectangle between two cells, both included. A wide row counts as all of its columns; a tower's row only by
 * itself, not on the way over it.
 */
export function namesBetween(model: GridModel, a: CellPosition, b: CellPosition): string[] {
  const [top, bottom] = [Math.min(a.row, b.row), Math.max(a.row, b.row)]
  const [left, right] = [Math.min(a.column, b.column), Math.max(a.column, b.column)]
  const names: string[] = []
  for (const row of model.rows.slice(top, bottom + 1)) {
    if (row.isGroup && top !== bottom) continue
    const cells = row.isWide ? row.cells : row.cells.slice(left, right + 1)
    for (const cell of cells) names.push(...cell)
  }
  return names
}

export function namesOfRow(model: GridModel, row: number): string[] {
  return (model.rows[row]?.cells ?? []).flat()
}

/** Rows outside the blocks belong to no column. */
export function namesOfColumn(model: GridModel, column: number): string[] {
  return model.rows.flatMap((row) => (row.isWide ? [] : (row.cells[column] ?? [])))
}

export function allNames(model: GridModel): string[] {
  return model.rows.flatMap((row) => (row.isGroup ? [] : row.cells.flat()))
}

/** Where a layer stands; null when it is not in the grid. */
export function positionOf(model: GridModel, name: string): CellPosition | null {
  for (const [row, { cells, isGroup }] of model.rows.entries()) {
    if (isGroup) continue
    const column = cells.findIndex((cell) => cell.includes(name))
    if (column >= 0) return { row, column }
  }
  return null
}

/**
 * What layers of one column share. The blocks of all towers have their columns in common, so that what the towers are called
 * is no part of it; with `spread` the numbers after the block index are: `block_sparse_moe.experts.3.w1`.
 */
function keyOf({ name, block, tag, tower }: GridLinear, spread: boolean): string {
  if (!spread && tower === undefined) return tag
  const parts = name.split('.')
  const at = parts.indexOf(String(block))
  if (at < 0) return tag
  const inBlock = parts.slice(at + 1).join('.')
  return spread ? inBlock : linearTag(inBlock)
}

function columnOf(key: string): GridColumn {
  const parts = key.split('.')
  return { key, label: parts.at(-1) ?? key, group: parts.slice(0, -1).join('.') }
}
