/** The presets that are always there. People add their own beside them. */
import type { Preset } from '../contract/quant.ts'
import { quantize } from './choices.ts'

/** Attention under any name a model family gives it: `self_attn`, `attn`. */
const ATTENTION = '*attn.*'

function preset(id: string, name: string, description: string, config: Preset['config']): Preset {
  return { id, name, description, builtIn: true, config }
}

export const BUILT_IN_PRESETS: readonly Preset[] = [
  preset('8-bit', '8-bit', 'Practically lossless at half the size of 16 bits.', {
    base: quantize(8, 64),
    rules: [],
    computeDtype: 'float16',
  }),
  preset('4-bit', '4-bit', 'The usual choice: a small loss at 4.5 bits per weight.', {
    base: quantize(4, 64),
    rules: [],
    computeDtype: 'float16',
  }),
  preset('3-bit', '3-bit', 'A visible loss at 3.7 bits per weight; larger models bear it better.', {
    base: quantize(3, 64),
    rules: [],
    computeDtype: 'float16',
  }),
  preset('2-bit', '2-bit', 'Four levels in groups of 16; the metadata makes it 4.0 bits per weight.', {
    base: quantize(2, 16),
    rules: [],
    computeDtype: 'float16',
  }),
  preset(
    'small-2-bit',
    'Small 2-bit, 4-bit attention',
    'The small attention matrices keep 4 bits, the rest gets 2 bits in groups of 32.',
    { base: quantize(2, 32), rules: [{ pattern: ATTENTION, choice: quantize(4, 64) }], computeDtype: 'float16' },
  ),
]

export function builtInPreset(id: string): Preset | null {
  return BUILT_IN_PRESETS.find((known) => known.id === id) ?? null
}
