/**
 * Size of the saved weights: the tensors, the small tensors that describe each quantized layer (shape, bits, packing name
 * and so on, as transformers writes them) and the safetensors header, which names every one of them.
 */
import type { ResolvedTensor } from '../contract/quant.ts'

/** Keys beside W_q, scale and zero that each quantized layer carries, with the bytes of their values. */
const LAYER_KEYS: readonly (readonly [key: string, bytes: number])[] = [
  ['shape', 16],
  ['nbits', 4],
  ['group_size', 4],
  ['axis', 4],
  ['view_as_float', 1],
  ['quant_scale', 1],
  ['quant_zero', 1],
  ['offload_meta', 1],
  ['encoded_state_dict', 1],
  ['stores_quant_config', 1],
  ['channel_wise', 1],
  ['optimize', 1],
  ['round_zero', 1],
  ['packing', 8],
  ['compute_dtype', 13],
  ['unpack_view_dtype', 11],
]
const LAYER_KEY_BYTES = LAYER_KEYS.reduce((sum, [, bytes]) => sum + bytes, 0)
const LAYER_KEY_LETTERS = ['W_q', 'scale', 'zero', ...LAYER_KEYS.map(([key]) => key)].join('').length
const LAYER_ENTRIES = LAYER_KEYS.length + 3

/** `"":{"dtype":"F16","shape":[],"data_offsets":[,]},` around the names and numbers of one header entry. */
const ENTRY_LETTERS = 50
/** The two data offsets and the shape of an entry. */
const ENTRY_DIGITS = 22

/** Bytes of all weight files together, within a percent of what is written. */
export function storedFileBytes(table: readonly ResolvedTensor[]): number {
  let bytes = 0
  for (const row of table) {
    const quantized = row.choice.kind === 'quantize'
    const entries = quantized ? LAYER_ENTRIES : 1
    const letters = quantized ? LAYER_KEY_LETTERS + LAYER_ENTRIES : 0
    bytes += row.bytes + (quantized ? LAYER_KEY_BYTES : 0)
    bytes += entries * (row.name.length + ENTRY_LETTERS + ENTRY_DIGITS) + letters
  }
  return bytes
}
