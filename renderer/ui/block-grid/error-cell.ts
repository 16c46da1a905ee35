/** How the error of a quantized layer looks in a grid cell. The scale is logarithmic: errors span orders of magnitude. */
import type { TensorResult } from '../../../electron/contract/domain.ts'
import { specLabel } from '../../../electron/plan/choices.ts'
import { formatPercent, significant } from '../format.ts'
import { type ColorTheme, sequentialColor, sequentialInk } from '../sequential-map.ts'
import { cellName, shortChoice } from './choice-cell.ts'
import type { CellNames } from './grid-model.ts'
import type { CellView } from './grid-row.tsx'

export interface ErrorScale {
  readonly low: number
  readonly high: number
  /** 0 at `low`, 1 at `high`. */
  level(error: number): number
}

/** Narrower ranges are widened to this factor, so that noise does not look like a pattern. */
const MIN_SPAN = 1.6

/** A scale over the relative errors there are. */
export function errorScale(errors: Iterable<number>): ErrorScale {
  let low = Number.POSITIVE_INFINITY
  let high = 0
  for (const error of errors) {
    if (!(error > 0) || !Number.isFinite(error)) continue
    low = Math.min(low, error)
    high = Math.max(high, error)
  }
  if (high === 0) return { low: 0, high: 0, level: () => 0 }
  if (high / low < MIN_SPAN) {
    const middle = Math.sqrt(high * low)
    low = middle / Math.sqrt(MIN_SPAN)
    high = middle * Math.sqrt(MIN_SPAN)
  }
  const span = Math.log(high / low)
  return {
    low,
    high,
    level: (error) => (error > 0 ? Math.max(0, Math.min(1, Math.log(error / low) / span)) : 0),
  }
}

export interface ErrorCellOptions {
  readonly results: ReadonlyMap<string, TensorResult>
  readonly scale: ErrorScale
  readonly theme: ColorTheme
  /** Layers that will not get a result. */
  isKept(name: string): boolean
  /** The layer that is being worked on. */
  readonly busy?: string | null
}

/** A cell of one or several layers: their mean relative error, outlined until there is one. */
export function errorCell(names: CellNames, { results, scale, theme, isKept, busy }: ErrorCellOptions): CellView {
  const done = names.flatMap((name) => results.get(name) ?? [])
  const [first] = done
  const name = cellName(names)
  if (first === undefined) {
    if (names.every(isKept)) return outlined('kept', `${name}: kept as it is`)
    const isBusy = busy !== null && busy !== undefined && names.includes(busy)
    return { ...outlined(isBusy ? 'now' : '·', `${name}: ${isBusy ? 'being quantized' : 'not yet'}`), isBusy }
  }
  const error = done.reduce((sum, result) => sum + result.relativeError, 0) / done.length
  const level = scale.level(error)
  const same = done.every((result) => specLabel(result.spec) === specLabel(first.spec))
  return {
    text: formatPercent(error),
    detail: same ? shortChoice({ kind: 'quantize', spec: first.spec }) : 'mixed',
    words: `${name}: relative error ${formatPercent(error)}, mean absolute error ${significant(first.meanAbsError, 3)}, ${specLabel(first.spec)}`,
    fill: sequentialColor(level, theme),
    ink: sequentialInk(level, theme),
  }
}

function outlined(text: string, words: string): CellView {
  return { text, detail: '', words, fill: null, ink: null }
}
