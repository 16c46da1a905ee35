/**
 * The geometry of a model's linear layers: a row per block, a column per linear tag, and a row of its own for each layer
 * outside the blocks. The same on every screen that shows something per layer.
 */
export interface GridLinear {
  readonly name: string
  readonly block: number | null
  readonly tag: string
}

/** Names of the layers in one cell: one, or the experts of a mixture; empty where a block has no such layer. */
export type CellNames = readonly string[]

export interface GridRow {
  readonly key: string
  readonly label: string
  /** A single cell over the whole width: a layer outside the blocks. */
  readonly isWide: boolean
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
  const inBlocks = linears.filter((linear) => linear.block !== null)
  const columns = new Map<string, { index: number; column: GridColumn }>()
  const blocks = new Map<number, string[][]>()
  let hasShared = false
  for (const linear of inBlocks) {
    const key = spread ? spreadTag(linear) : linear.tag
    let column = columns.get(key)
    if (column === undefined) {
      column = { index: columns.size, column: columnOf(key) }
      columns.set(key, column)
    }
    const block = linear.block ?? 0
    const cells = blocks.get(block) ?? []
    blocks.set(block, cells)
    const names = cells[column.index]
    if (names === undefined) cells[column.index] = [linear.name]
    else {
      names.push(linear.name)
      hasShared = true
    }
  }
  const rows: GridRow[] = [...blocks]
    .sort(([a], [b]) => a - b)
    .map(([block, cells]) => ({
      key: `block-${block}`,
      label: String(block),
      isWide: false,
      cells: Array.from({ length: columns.size }, (_, index) => cells[index] ?? []),
    }))
  for (const linear of linears) {
    if (linear.block === null) rows.push({ key: linear.name, label: linear.tag, isWide: true, cells: [[linear.name]] })
  }
  return { columns: [...columns.values()].map(({ column }) => column), rows, hasShared }
}

/** Names in the rectangle between two cells, both included. A wide row counts as all of its columns. */
export function namesBetween(model: GridModel, a: CellPosition, b: CellPosition): string[] {
  const [top, bottom] = [Math.min(a.row, b.row), Math.max(a.row, b.row)]
  const [left, right] = [Math.min(a.column, b.column), Math.max(a.column, b.column)]
  const names: string[] = []
  for (const row of model.rows.slice(top, bottom + 1)) {
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
  return model.rows.flatMap((row) => row.cells.flat())
}

/** Where a layer stands; null when it is not in the grid. */
export function positionOf(model: GridModel, name: string): CellPosition | null {
  for (const [row, { cells }] of model.rows.entries()) {
    const column = cells.findIndex((cell) => cell.includes(name))
    if (column >= 0) return { row, column }
  }
  return null
}

/** The tag with the numbers after the block index kept: `block_sparse_moe.experts.3.w1`. */
function spreadTag({ name, block, tag }: GridLinear): string {
  const parts = name.split('.')
  const at = parts.indexOf(String(block))
  return at < 0 ? tag : parts.slice(at + 1).join('.')
}

function columnOf(key: string): GridColumn {
  const parts = key.split('.')
  return { key, label: parts.at(-1) ?? key, group: parts.slice(0, -1).join('.') }
}
