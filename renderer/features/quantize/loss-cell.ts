/** How the predicted loss of a layer looks in a grid cell, for what is chosen now. */
import type { Choice } from '../../../electron/contract/quant.ts'
import { type PredictedLoss, predictLayer, type SensitivityByName } from '../../../electron/plan/predict.ts'
import { cellName, shortChoice } from '../../ui/block-grid/choice-cell.ts'
import { type ErrorScale, errorScale } from '../../ui/block-grid/error-cell.ts'
import type { CellNames } from '../../ui/block-grid/grid-model.ts'
import type { CellView } from '../../ui/block-grid/grid-row.tsx'
import { formatPercent, significant } from '../../ui/format.ts'
import { type ColorTheme, sequentialColor, sequentialInk } from '../../ui/sequential-map.ts'

/** What the grid can be coloured by. */
export const SHOWN = [
  { value: 'bits', label: 'Choices' },
  { value: 'divergence', label: 'KL' },
  { value: 'weightedError', label: 'Weighted error' },
  { value: 'relativeError', label: 'Error' },
  { value: 'seconds', label: 'Time' },
] as const
export type Shown = (typeof SHOWN)[number]['value']
export type LossShown = Exclude<Shown, 'bits'>

export interface LossMap {
  readonly shown: LossShown
  readonly losses: ReadonlyMap<string, PredictedLoss>
  readonly scale: ErrorScale
}

export function lossMap(choices: ReadonlyMap<string, Choice>, layers: SensitivityByName, shown: LossShown): LossMap {
  const losses = new Map<string, PredictedLoss>()
  for (const [name, choice] of choices) {
    const layer = layers.get(name)
    if (layer !== undefined && choice.kind === 'quantize') losses.set(name, predictLayer(layer, choice))
  }
  return { shown, losses, scale: errorScale([...losses.values()].map((loss) => loss[shown])) }
}

export function lossText(value: number, shown: LossShown): string {
  if (shown === 'relativeError') return formatPercent(value)
  return shown === 'seconds' ? `${significant(value, 2)} s` : value.toExponential(1)
}

/** A cell of one or several layers: divergences and times add up, errors are averaged. */
export function lossCell(
  names: CellNames,
  { shown, losses, scale }: LossMap,
  choices: ReadonlyMap<string, Choice>,
  theme: ColorTheme,
): CellView {
  const known = names.flatMap((name) => losses.get(name) ?? [])
  const name = cellName(names)
  const choice = choices.get(names[0] ?? '')
  if (known.length === 0) {
    const text = choice?.kind === 'keep' ? 'kept' : '–'
    return {
      text,
      detail: '',
      words: `${name}: ${text === 'kept' ? 'kept as it is' : 'not measured'}`,
      fill: null,
      ink: null,
    }
  }
  const sum = known.reduce((total, loss) => total + loss[shown], 0)
  const value = shown === 'relativeError' ? sum / known.length : sum
  const level = scale.level(value)
  return {
    text: lossText(value, shown),
    detail: choice === undefined ? '' : shortChoice(choice),
    words: `${name}: ${SHOWN.find((one) => one.value === shown)?.label ?? ''} ${lossText(value, shown)}${known.some((loss) => loss.extrapolated) ? ', worked out from another choice' : ''}`,
    fill: sequentialColor(level, theme),
    ink: sequentialInk(level, theme),
  }
}
