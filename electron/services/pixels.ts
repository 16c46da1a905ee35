/** Pictures as a model wants them, in the file that the engine reads. */
import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageRef, VisionSummary } from '../contract/vision.ts'
import { toWriteError } from '../storage/atomic-write.ts'
import { readPicture } from '../vision/picture-file.ts'
import { type PixelValues, pixelValues } from '../vision/pixel-values.ts'
import { type Preprocessing, preprocessingOf } from '../vision/preprocessor-config.ts'
import { readJsonObject, readModelConfig } from './model-config.ts'
import type { Pictures } from './pictures.ts'

/** What this model's folder says is to be done to a picture. */
export async function readPreprocessing(dir: string, vision: VisionSummary): Promise<Preprocessing> {
  const { vision: config } = await readModelConfig(dir)
  const own = await readJsonObject(join(dir, 'preprocessor_config.json'))
  const newer = own === null ? await readJsonObject(join(dir, 'processor_config.json')) : null
  const inside = newer?.image_processor
  const processor = own ?? (isObject(inside) ? inside : null)
  return preprocessingOf({ processor, pretrained: config?.pretrained, imageSize: vision.imageSize })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Throws for what is no picture, see readPicture. */
export async function preparePicture(pictures: Pictures, image: ImageRef, steps: Preprocessing): Promise<PixelValues> {
  const { bytes, name } = await pictures.read(image)
  return pixelValues(await readPicture(bytes, name), steps)
}

/** Runs `work` with a file that holds these pictures, all of one size, and removes it. Without any there is no file. */
export async function withPixelsFile<T>(
  folder: string,
  batch: readonly PixelValues[],
  work: (path: string | null) => Promise<T>,
): Promise<T> {
  const [first] = batch
  if (first === undefined) return work(null)
  const path = join(folder, `pixels-${randomUUID()}.safetensors`)
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(path, pixelsFile(batch, first))
  } catch (error) {
    throw toWriteError(error, path)
  }
  try {
    return await work(path)
  } finally {
    await rm(path, { force: true })
  }
}

function pixelsFile(batch: readonly PixelValues[], { width, height }: PixelValues): Uint8Array[] {
  const bytes = batch.reduce((sum, { data }) => sum + data.byteLength, 0)
  const shape = [batch.length, 3, height, width]
  const header = JSON.stringify({ pixel_values: { dtype: 'F32', shape, data_offsets: [0, bytes] } })
  // Padded with blanks so that the values are aligned.
  const padded = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  return [length, padded, ...batch.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))]
}
