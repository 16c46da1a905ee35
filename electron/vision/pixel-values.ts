/** From a picture to what a vision tower reads: float32, channels first. */
import type { Preprocessing } from './preprocessor-config.ts'
import { type RgbPicture, resample } from './resample.ts'

export interface PixelValues {
  width: number
  height: number
  /** [3][height][width] */
  data: Float32Array
}

export async function pixelValues(picture: RgbPicture, steps: Preprocessing): Promise<PixelValues> {
  const square = steps.padColour === null ? picture : padded(picture, steps.padColour)
  const sized = steps.resize === null ? square : await resized(square, steps.resize)
  const cropped = steps.crop === null ? sized : centreCrop(sized, steps.crop)
  return normalized(cropped, steps)
}

/** In the middle of a square of its longer side. */
function padded(picture: RgbPicture, colour: readonly number[]): RgbPicture {
  const { width, height } = picture
  const side = Math.max(width, height)
  if (width === height) return picture
  const data = new Uint8Array(side * side * 3)
  for (let at = 0; at < data.length; at += 3) data.set(colour, at)
  const left = Math.floor((side - width) / 2)
  const top = Math.floor((side - height) / 2)
  for (let y = 0; y < height; y++) {
    data.set(picture.data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * side + left) * 3)
  }
  return { width: side, height: side, data }
}

function resized(picture: RgbPicture, { to, filter }: NonNullable<Preprocessing['resize']>): Promise<RgbPicture> {
  if ('width' in to) return resample(picture, to.width, to.height, filter)
  const { width, height } = picture
  const long = Math.max(1, Math.trunc((to.shortest * Math.max(width, height)) / Math.min(width, height)))
  return width <= height ? resample(picture, to.shortest, long, filter) : resample(picture, long, to.shortest, filter)
}

/** What lies beyond the picture is black. */
function centreCrop(picture: RgbPicture, crop: NonNullable<Preprocessing['crop']>): RgbPicture {
  const left = cropStart(picture.width, crop.width, crop.evenRounding)
  const top = cropStart(picture.height, crop.height, crop.evenRounding)
  const data = new Uint8Array(crop.width * crop.height * 3)
  const first = Math.max(0, left)
  const last = Math.min(picture.width, left + crop.width)
  for (let y = Math.max(0, top); y < Math.min(picture.height, top + crop.height); y++) {
    const row = picture.data.subarray((y * picture.width + first) * 3, (y * picture.width + last) * 3)
    data.set(row, ((y - top) * crop.width + first - left) * 3)
  }
  return { width: crop.width, height: crop.height, data }
}

/** Negative where the picture is smaller. */
function cropStart(size: number, crop: number, evenRounding: boolean): number {
  const half = (size - crop) / 2
  return evenRounding && half > 0 ? roundHalfToEven(half) : Math.floor(half)
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value)
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

function normalized({ width, height, data }: RgbPicture, { scale, mean, std }: Preprocessing): PixelValues {
  const plane = width * height
  const made = new Float32Array(3 * plane)
  for (let channel = 0; channel < 3; channel++) {
    const offset = mean[channel] ?? 0
    const spread = std[channel] ?? 1
    for (let i = 0; i < plane; i++) made[channel * plane + i] = ((data[i * 3 + channel] ?? 0) * scale - offset) / spread
  }
  return { width, height, data: made }
}
