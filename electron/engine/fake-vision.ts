/** Made-up embeddings: of pictures from their mean colours, of texts from their ids. The same each time. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { EngineContract } from '../contract/engine.ts'
import type { OutputOf, ParsedInputOf } from '../contract/method.ts'

const SIZE = 8
const headerSchema = z.object({ pixel_values: z.object({ shape: z.array(z.number()).length(4) }) })

export function fakeEmbed({
  pixelsFile,
  texts,
}: ParsedInputOf<EngineContract['vision.embed']>): OutputOf<EngineContract['vision.embed']> {
  const images = pixelsFile === null ? [] : meanColours(pixelsFile)
  const words = texts.map((ids) => Array.from({ length: SIZE }, (_, at) => Math.sin((at + 1) * ids.reduce(sum, 0))))
  return { images: images.map(unit), texts: words.map(unit), size: SIZE, logitScale: 100, seconds: 0.001 }
}

function meanColours(path: string): number[][] {
  const bytes = readFileSync(path)
  const end = 8 + Number(bytes.readBigUInt64LE())
  const { shape } = headerSchema.parse(JSON.parse(bytes.subarray(8, end).toString('utf8'))).pixel_values
  const [count = 0, channels = 0, height = 0, width = 0] = shape
  const plane = height * width
  const mean = (image: number, channel: number) => {
    const first = end + (image * channels + channel) * plane * 4
    return Array.from({ length: plane }, (_, at) => bytes.readFloatLE(first + at * 4)).reduce(sum, 0) / plane
  }
  return Array.from({ length: count }, (_, image) => [
    ...Array.from({ length: channels }, (_, channel) => mean(image, channel)),
    ...Array<number>(SIZE - channels).fill(0.1),
  ])
}

function unit(values: readonly number[]): number[] {
  const length = Math.hypot(...values) || 1
  return values.map((value) => value / length)
}

function sum(total: number, value: number): number {
  return total + value
}
