/** How a choice for a layer looks in a grid cell: bits by colour and in words, group size, effective bits per weight. */
import type { Choice, Nbits, ResolvedTensor } from '../../../electron/contract/quant.ts'
import { choiceKey, choiceLabel } from '../../../electron/plan/choices.ts'
import { type ColorTheme, sequentialColor, sequentialInk } from '../sequential-map.ts'
import type { CellNames } from './grid-model.ts'
import type { CellView } from './grid-row.tsx'

/** Position of a bit width on the colour map, 8 bits at its strong end. */
export function bitsLevel(nbits: Nbits): number {
  return 0.06 + ((nbits - 1) / 7) * 0.8
}

/** "4 g64"; what is unusual follows: "4 g64 a0". */
export function shortChoice(choice: Choice): string {
  if (choice.kind === 'keep') return 'kept'
  const { nbits, groupSize, axis } = choice.spec
  return `${nbits} ${groupSize === null ? 'ch' : `g${groupSize}`}${axis === 0 ? ' a0' : ''}`
}

/** A cell of one or several layers with what they get. */
export function choiceCell(names: CellNames, rows: ReadonlyMap<string, ResolvedTensor>, theme: ColorTheme): CellView {
  const tensors = names.flatMap((name) => rows.get(name) ?? [])
  const [first] = tensors
  if (first === undefined) return { text: '–', detail: '', words: names.join(', '), fill: null, ink: null }
  const bits = averageBits(tensors)
  const detail = bits.toFixed(bits < 10 ? 2 : 1)
  const key = choiceKey(first.choice)
  const isUniform = tensors.every(({ choice }) => choiceKey(choice) === key)
  const what = isUniform ? choiceLabel(first.choice) : 'several choices'
  const words = `${cellName(names)}: ${what}, ${detail} bits per weight`
  if (!isUniform) return { text: 'mixed', detail, words, fill: null, ink: null }
  const { choice } = first
  const text = shortChoice(choice)
  if (choice.kind === 'keep') return { text, detail, words, fill: null, ink: null }
  const level = bitsLevel(choice.spec.nbits)
  return { text, detail, words, fill: sequentialColor(level, theme), ink: sequentialInk(level, theme) }
}

/** One name, or the first of several with their number. */
export function cellName(names: CellNames): string {
  return names.length > 1 ? `${names[0]} and ${names.length - 1} more` : (names[0] ?? '')
}

function averageBits(tensors: readonly ResolvedTensor[]): number {
  let bits = 0
  let weights = 0
  for (const { bytes, shape } of tensors) {
    bits += bytes * 8
    weights += shape.reduce((product, size) => product * size, 1)
  }
  return weights === 0 ? 0 : bits / weights
}
