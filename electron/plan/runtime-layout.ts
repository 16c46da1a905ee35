/**
 * What a quantized matrix takes while it runs. The engine repacks it when it loads it (native/cpu/tiled.h): blocks of 16 rows,
 * chunks of 64 columns, exactly nbits per weight, scales and zeros beside them. What fits neither layout runs dequantized.
 */
import type { ComputeDtype, QuantSpec } from '../contract/quant.ts'
import { dtypeBytes, groupCount, type MatrixShape } from './packing.ts'

const BLOCK_ROWS = 16
const CHUNK_COLUMNS = 64
/** Shorter runs of columns under one scale have no kernel. */
const MIN_SEGMENT = 8
const DEQUANTIZED_BYTES = 4

export interface RuntimeBytes {
  readonly weights: number
  readonly metadata: number
}

/** `dtype` is that of the stored scales and zeros; quantized ones are kept as float32. */
export function runtimeBytes(shape: MatrixShape, spec: QuantSpec, dtype: ComputeDtype): RuntimeBytes {
  const [out, input] = shape
  const groups = groupCount(shape, spec)
  const group = (out * input) / groups
  const chunks = Math.ceil(input / CHUNK_COLUMNS)
  const chunkBytes = BLOCK_ROWS * CHUNK_COLUMNS * (spec.nbits / 8)
  const metaBytes = 2 * (spec.quantScale || spec.quantZero ? 4 : dtypeBytes(dtype))
  const dequantized: RuntimeBytes = { weights: out * input * DEQUANTIZED_BYTES, metadata: 0 }
  if (!Number.isInteger(group)) return dequantized
  if (spec.axis === 1) {
    const run = gcd(group, input)
    const segment = run % CHUNK_COLUMNS === 0 ? run : gcd(run, CHUNK_COLUMNS)
    if (segment < MIN_SEGMENT) return dequantized
    const blocks = Math.ceil(out / BLOCK_ROWS)
    return {
      weights: blocks * chunks * chunkBytes,
      metadata: blocks * BLOCK_ROWS * (input / segment) * metaBytes,
    }
  }
  if (out % group !== 0) return dequantized
  const classes = out / group
  return {
    weights: classes * Math.ceil(group / BLOCK_ROWS) * chunks * chunkBytes,
    metadata: classes * chunks * CHUNK_COLUMNS * metaBytes,
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
