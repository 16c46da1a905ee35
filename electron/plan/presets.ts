/** The presets that are always there. People add their own beside them. */
import type { Preset } from '../contract/quant.ts'
import { KEEP, quantize } from './choices.ts'

/** Attention under any name a model family gives it: `self_attn`, `attn`. */
const ATTENTION = '*attn.*'
/** Experts of a mixture, each under a number. */
const EXPERTS = '*.experts.*'
/** Embeddings and head, where they are stored: a tied model has the first only. */
const TABLES = '{*embed_tokens,*wte,lm_head,lm_head.linear}'

/** The blocks that read pictures, in models of their own and as eyes of a language model. */
const VISION_BLOCKS = '*vision_model.encoder.*'

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
    'experts-2-bit',
    'Experts 2-bit, attention 4-bit',
    'For mixtures of experts: the experts, nearly all of the weights, get 2 bits in groups of 32, the rest 4 bits.',
    { base: quantize(4, 64), rules: [{ pattern: EXPERTS, choice: quantize(2, 32) }], computeDtype: 'float16' },
  ),
  preset(
    'small-model',
    'Small model: embeddings and head kept',
    'Under a billion parameters every bit counts: 4 bits in groups of 32 in the blocks, the rest as it is.',
    { base: quantize(4, 32), rules: [{ pattern: TABLES, choice: KEEP }], computeDtype: 'float16' },
  ),
  preset(
    'everything',
    'Everything: embeddings and head too',
    '4 bits in the blocks, 8 bits for embeddings and head, which are most of a small model with a large vocabulary.',
    { base: quantize(4, 64), rules: [{ pattern: TABLES, choice: quantize(8, 64) }], computeDtype: 'float16' },
  ),
  preset(
    'small-2-bit',
    'Small 2-bit, 4-bit attention',
    'The small attention matrices keep 4 bits, the rest gets 2 bits in groups of 32.',
    { base: quantize(2, 32), rules: [{ pattern: ATTENTION, choice: quantize(4, 64) }], computeDtype: 'float16' },
  ),
  preset(
    'text-4-vision-8',
    'Text 4-bit, vision 8-bit',
    'For models that see: 4 bits for what reads and writes text, 8 bits for what looks at pictures.',
    { base: quantize(4, 64), rules: [{ pattern: VISION_BLOCKS, choice: quantize(8, 64) }], computeDtype: 'float16' },
  ),
  preset('vision-only', 'Vision only', 'For models that see: 4 bits for what looks at pictures, the rest as it is.', {
    base: KEEP,
    rules: [{ pattern: VISION_BLOCKS, choice: quantize(4, 64) }],
    computeDtype: 'float16',
  }),
]

export function builtInPreset(id: string): Preset | null {
  return BUILT_IN_PRESETS.find((known) => known.id === id) ?? null
}
