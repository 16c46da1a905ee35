/** How the error of one version against another looks in a grid cell: half to double on the colour map, the factor in words. */
import type { TensorResult } from '../../../electron/contract/domain.ts'
import { significant } from '../format.ts'
import { type ColorTheme, sequentialColor, sequentialInk } from '../sequential-map.ts'
import { cellName } from './choice-cell.ts'
import type { CellNames } from './grid-model.ts'
import type { CellView } from './grid-row.tsx'

/** Factors beyond this have the colour of the end. */
const SPAN = 4

export function ratioLegend(): { low: string; high: string } {
  return { low: `1/${SPAN}×`, high: `${SPAN}×` }
}

export function ratioCell(
  names: CellNames,
  a: ReadonlyMap<string, TensorResult>,
  b: ReadonlyMap<string, TensorResult>,
  theme: ColorTheme,
): CellView {
  const name = cellName(names)
  const errorA = meanError(names, a)
  const errorB = meanError(names, b)
  if (errorA === null || errorB === null || errorA === 0) {
    const text = errorA === null && errorB === null ? 'kept' : errorA === null ? 'only B' : 'only A'
    return { text, detail: '', words: `${name}: ${text}`, fill: null, ink: null }
  }
  const ratio = errorB / errorA
  const level = Math.max(0, Math.min(1, 0.5 + Math.log(ratio) / Math.log(SPAN) / 2))
  const text = `${significant(ratio, 3)}×`
  return {
    text,
    detail: ratio > 1.005 ? 'worse' : ratio < 0.995 ? 'better' : 'same',
    words: `${name}: the error of B is ${text} that of A`,
    fill: sequentialColor(level, theme),
    ink: sequentialInk(level, theme),
  }
}

function meanError(names: CellNames, results: ReadonlyMap<string, TensorResult>): number | null {
  const found = names.flatMap((name) => results.get(name)?.relativeError ?? [])
  return found.length === 0 ? null : found.reduce((sum, error) => sum + error, 0) / found.length
}
