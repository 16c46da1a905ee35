/**
 * Pillow's resampling of 8-bit pictures, bit for bit: models were trained on what it makes, and the edges of fine detail differ
 * visibly between libraries. Two passes, along the rows first, with 22-bit fixed-point weights and 8-bit values between them
 * (Pillow, libImaging/Resample.c).
 */
import { setImmediate } from 'node:timers/promises'

/** Interleaved 8-bit RGB, rows from the top. */
export interface RgbPicture {
  width: number
  height: number
  data: Uint8Array
}

interface Filter {
  /** Half its width in samples of the output when shrinking, of the input when enlarging. */
  support: number
  weight(x: number): number
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

/** Keys' cubic with a = -0.5. */
function cubic(x: number): number {
  const t = Math.abs(x)
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0
}

/** By the names and numbers of Pillow's filters. Nearest has no weights and is done apart. */
const FILTERS = {
  lanczos: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  hamming: { support: 1, weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0) },
} as const satisfies Record<string, Filter>

export type FilterName = keyof typeof FILTERS | 'nearest'
export const FILTER_NUMBERS: readonly FilterName[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming']

const PRECISION_BITS = 22
/** Rows between two looks at other work. */
const ROWS_AT_ONCE = 64

/** To exactly this size. The same size is the same picture. */
export async function resample(
  picture: RgbPicture,
  width: number,
  height: number,
  filter: FilterName,
): Promise<RgbPicture> {
  if (width === picture.width && height === picture.height) return picture
  if (filter === 'nearest') return nearest(picture, width, height)
  const chosen = FILTERS[filter]
  const across = width === picture.width ? picture : await alongRows(picture, tapsOf(picture.width, width, chosen))
  return height === across.height ? across : downColumns(across, tapsOf(across.height, height, chosen))
}

/** For each output sample, where its input samples begin and their weights. */
interface Taps {
  count: number
  first: Int32Array
  lengths: Int32Array
  /** [count][stride] */
  weights: Int32Array
  stride: number
}

function tapsOf(from: number, to: number, { support: half, weight }: Filter): Taps {
  const step = from / to
  const scale = Math.max(step, 1)
  const support = half * scale
  const stride = Math.ceil(support) * 2 + 1
  const taps: Taps = {
    count: to,
    first: new Int32Array(to),
    lengths: new Int32Array(to),
    weights: new Int32Array(to * stride),
    stride,
  }
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * step
    const first = Math.max(0, Math.trunc(centre - support + 0.5))
    const length = Math.min(from, Math.trunc(centre + support + 0.5)) - first
    const exact = Array.from({ length }, (_, x) => weight((x + first - centre + 0.5) / scale))
    const sum = exact.reduce((total, value) => total + value, 0)
    taps.first[i] = first
    taps.lengths[i] = length
    exact.forEach((value, x) => {
      const fixed = (value / (sum === 0 ? 1 : sum)) * (1 << PRECISION_BITS)
      taps.weights[i * stride + x] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
    })
  }
  return taps
}

const HALF = 1 << (PRECISION_BITS - 1)

function clip8(sum: number): number {
  const value = sum >> PRECISION_BITS
  return value < 0 ? 0 : value > 255 ? 255 : value
}

async function alongRows({ width, height, data }: RgbPicture, taps: Taps): Promise<RgbPicture> {
  const made = new Uint8Array(taps.count * height * 3)
  for (let y = 0; y < height; y++) {
    if (y % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await setImmediate()
    weighRow(data, y * width * 3, taps, made, y * taps.count * 3)
  }
  return { width: taps.count, height, data: made }
}

// Indices below are within the arrays by construction; `?? 0` only tells the compiler so.
function weighRow(data: Uint8Array, row: number, taps: Taps, made: Uint8Array, out: number): void {
  for (let x = 0; x < taps.count; x++) {
    let red = HALF
    let green = HALF
    let blue = HALF
    let from = row + (taps.first[x] ?? 0) * 3
    const begin = x * taps.stride
    const end = begin + (taps.lengths[x] ?? 0)
    for (let k = begin; k < end; k++, from += 3) {
      const weight = taps.weights[k] ?? 0
      red += (data[from] ?? 0) * weight
      green += (data[from + 1] ?? 0) * weight
      blue += (data[from + 2] ?? 0) * weight
    }
    made[out + x * 3] = clip8(red)
    made[out + x * 3 + 1] = clip8(green)
    made[out + x * 3 + 2] = clip8(blue)
  }
}

async function downColumns({ width, data }: RgbPicture, taps: Taps): Promise<RgbPicture> {
  const rowValues = width * 3
  const made = new Uint8Array(rowValues * taps.count)
  const sums = new Int32Array(rowValues)
  for (let y = 0; y < taps.count; y++) {
    if (y % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await setImmediate()
    sums.fill(HALF)
    const length = taps.lengths[y] ?? 0
    for (let k = 0; k < length; k++) {
      const weight = taps.weights[y * taps.stride + k] ?? 0
      const from = ((taps.first[y] ?? 0) + k) * rowValues
      for (let x = 0; x < rowValues; x++) sums[x] = (sums[x] ?? 0) + (data[from + x] ?? 0) * weight
    }
    for (let x = 0; x < rowValues; x++) made[y * rowValues + x] = clip8(sums[x] ?? 0)
  }
  return { width, height: taps.count, data: made }
}

function nearest(picture: RgbPicture, width: number, height: number): RgbPicture {
  const made = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * picture.height) / height) * picture.width
    for (let x = 0; x < width; x++) {
      const from = (row + Math.floor(((x + 0.5) * picture.width) / width)) * 3
      made.set(picture.data.subarray(from, from + 3), (y * width + x) * 3)
    }
  }
  return { width, height, data: made }
}
