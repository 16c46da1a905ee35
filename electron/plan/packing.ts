/**
 * What a quantized matrix costs, byte for byte as the engine stores it. Bit packing runs along dim 0 of the grouped view
 * [rows, cols] ([n/g, g] at axis 1, [g, n/g] at axis 0; the matrix itself without groups): `rows / valuesPerWord` words
 * a column, padded up where the rows do not divide.
 */
import type { ComputeDtype, Nbits, QuantSpec } from '../contract/quant.ts'

interface PackingRule {
  /** Name in the files. */
  readonly name: string
  readonly valuesPerWord: number
  readonly bytesPerWord: number
  /** False for layouts of our own that the Python libraries do not read. */
  readonly reference: boolean
}

/** 3 bits: ten values in an int32. 5 and 6 bits: 8 values in 5 bytes and 4 in 3, where the reference spends a byte each. */
const PACKINGS: Readonly<Record<Nbits, PackingRule>> = {
  8: { name: '8bit_u8', valuesPerWord: 1, bytesPerWord: 1, reference: true },
  6: { name: '6bit_dense', valuesPerWord: 4, bytesPerWord: 3, reference: false },
  5: { name: '5bit_dense', valuesPerWord: 8, bytesPerWord: 5, reference: false },
  4: { name: '4bit_u8', valuesPerWord: 2, bytesPerWord: 1, reference: true },
  3: { name: '3bit_32', valuesPerWord: 10, bytesPerWord: 4, reference: true },
  2: { name: '2bit_u8', valuesPerWord: 4, bytesPerWord: 1, reference: true },
  1: { name: '1bit_u8', valuesPerWord: 8, bytesPerWord: 1, reference: true },
}

/** Group size of quantized scales (early reference README). */
export const SCALE_GROUP = 128
/** Quantized scales and zeros carry a float32 scale and zero of their own. */
const META_OF_META_BYTES = 8

export type MatrixShape = readonly [out: number, input: number]

export function dtypeBytes(dtype: ComputeDtype): number {
  return dtype === 'float32' ? 4 : 2
}

/** The 2-D view that is grouped and packed. Fractional when the group size does not divide the number of values. */
export function groupedView(shape: MatrixShape, spec: Pick<QuantSpec, 'groupSize' | 'axis'>): [number, number] {
  const [out, input] = shape
  if (spec.groupSize === null) return [out, input]
  const groups = (out * input) / spec.groupSize
  return spec.axis === 1 ? [groups, spec.groupSize] : [spec.groupSize, groups]
}

/** How many scales (and as many zeros) the matrix has. */
export function groupCount(shape: MatrixShape, spec: Pick<QuantSpec, 'groupSize' | 'axis'>): number {
  if (spec.groupSize !== null) return (shape[0] * shape[1]) / spec.groupSize
  return spec.axis === 1 ? shape[0] : shape[1]
}

/** Bytes of the packed integers. */
export function packedBytes(shape: MatrixShape, spec: QuantSpec): number {
  const [rows, cols] = groupedView(shape, spec)
  const packing = PACKINGS[spec.nbits]
  return Math.ceil(rows / packing.valuesPerWord) * packing.bytesPerWord * cols
}

/** Bytes of scales and zeros, in `dtype` or as 8-bit integers where the spec says so. */
export function metadataBytes(shape: MatrixShape, spec: QuantSpec, dtype: ComputeDtype): number {
  const groups = groupCount(shape, spec)
  const zero = spec.quantZero ? groups + META_OF_META_BYTES : groups * dtypeBytes(dtype)
  const scale = spec.quantScale
    ? groups + Math.ceil(groups / SCALE_GROUP) * META_OF_META_BYTES
    : groups * dtypeBytes(dtype)
  return scale + zero
}

/** Everything that is stored for one weight, over the number of weights: 4-bit g64 with float16 metadata is 4.5. */
export function bitsPerWeight(shape: MatrixShape, spec: QuantSpec, dtype: ComputeDtype): number {
  return ((packedBytes(shape, spec) + metadataBytes(shape, spec, dtype)) * 8) / (shape[0] * shape[1])
}

/** The same without a matrix at hand: a large one whose rows divide. A missing group size counts as 4096. */
export function nominalBitsPerWeight(spec: QuantSpec, dtype: ComputeDtype): number {
  const group = spec.groupSize ?? 4096
  const packing = PACKINGS[spec.nbits]
  const scaleBits = spec.quantScale ? 8 + (META_OF_META_BYTES * 8) / SCALE_GROUP : dtypeBytes(dtype) * 8
  const zeroBits = spec.quantZero ? 8 : dtypeBytes(dtype) * 8
  return (packing.bytesPerWord * 8) / packing.valuesPerWord + (scaleBits + zeroBits) / group
}

export function packingName(nbits: Nbits): string {
  return PACKINGS[nbits].name
}

/** Why hqq and transformers could not read this tensor; null when they can. */
export function interchangeProblem(shape: MatrixShape, spec: QuantSpec): string | null {
  const packing = PACKINGS[spec.nbits]
  if (!packing.reference) return `${spec.nbits}-bit values are packed in a layout of this app`
  if (spec.quantScale || spec.quantZero) return 'quantized scales and zeros have no form in their safetensors files'
  const [rows] = groupedView(shape, spec)
  // 3-bit rows are padded by the reference itself.
  if (spec.nbits !== 3 && rows % packing.valuesPerWord !== 0) {
    return `${rows} grouped rows are not a multiple of ${packing.valuesPerWord}, which they would store wrongly`
  }
  return null
}

/** Why this matrix cannot be quantized so at all, with the cure; null when it can. */
export function specProblem(name: string, shape: MatrixShape, spec: QuantSpec): string | null {
  const numel = shape[0] * shape[1]
  if (spec.groupSize !== null && numel % spec.groupSize !== 0) {
    const near = nearbyDivisors(numel, spec.groupSize)
    return (
      `${name} has ${shape[0]} x ${shape[1]} weights, which groups of ${spec.groupSize} do not divide. ` +
      `Near it: ${near.join(', ')}.`
    )
  }
  const groups = groupCount(shape, spec)
  if (spec.quantScale && groups % SCALE_GROUP !== 0) {
    return (
      `${name} has ${groups} groups; quantized scales need a multiple of ${SCALE_GROUP}. ` +
      'Choose a smaller group size or keep the scales as they are.'
    )
  }
  return null
}

/** The divisors of `numel` just below and above `wanted`; multiples of 8 where there are such. */
export function nearbyDivisors(numel: number, wanted: number): number[] {
  return divisorsAround(numel, wanted, 8) ?? divisorsAround(numel, wanted, 1) ?? [numel]
}

function divisorsAround(numel: number, wanted: number, step: number): number[] | null {
  const found: number[] = []
  for (let size = Math.floor(wanted / step) * step; size >= step; size -= step) {
    if (numel % size === 0) {
      found.push(size)
      break
    }
  }
  // Past 16 times the wanted size the cure would be a different choice altogether.
  for (let size = (Math.floor(wanted / step) + 1) * step; size <= wanted * 16; size += step) {
    if (numel % size === 0) {
      found.push(size)
      break
    }
  }
  return found.length > 0 ? found : null
}
