import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readPicture } from './picture-file.ts'
import { pixelValues } from './pixel-values.ts'
import { preprocessingOf } from './preprocessor-config.ts'

const DATA = join(import.meta.dirname, 'testing', 'data')
const STEPS: Record<string, Record<string, unknown>> = JSON.parse(readFileSync(join(DATA, 'steps.json'), 'utf8'))
const PICTURES = readdirSync(DATA).filter((name) => /\.(png|jpg|webp)$/.test(name))

describe('pixel values are those of the Python processor', () => {
  const cases = PICTURES.flatMap((picture) => Object.keys(STEPS).map((steps) => [picture, steps] as const))
  it.each(cases)('of %s with the steps "%s"', async (picture, name) => {
    const processor = { ...STEPS[name], do_rescale: false, do_normalize: false }
    const steps = preprocessingOf({ processor, pretrained: undefined, imageSize: 224 })
    const made = await pixelValues(await readPicture(readFileSync(join(DATA, picture)), picture), steps)
    const expected = readFileSync(join(DATA, `${picture}.${name}.rgb`))
    expect(made.data.length).toBe(expected.length)
    const plane = made.width * made.height
    const off = [...expected].filter((value, at) => {
      const ours = made.data[(at % 3) * plane + Math.floor(at / 3)] ?? 0
      return Math.abs(ours - value) > 1
    })
    expect(off.length / expected.length).toBeLessThanOrEqual(0.001)
  })

  it('after rescaling and normalising', async () => {
    const processor = { size: 4, crop_size: 4, image_mean: [0.5, 0.25, 0], image_std: [0.5, 0.25, 2] }
    const steps = preprocessingOf({ processor, pretrained: undefined, imageSize: 224 })
    const data = new Uint8Array(4 * 4 * 3).fill(51)
    const made = await pixelValues({ width: 4, height: 4, data }, steps)
    expect([made.data[0], made.data[16], made.data[32]].map((value) => value?.toFixed(4))).toEqual([
      '-0.6000',
      '-0.2000',
      '0.1000',
    ])
  })
})

describe('what a folder says of preprocessing', () => {
  it("is CLIP's usual where it says nothing", () => {
    const steps = preprocessingOf({ processor: null, pretrained: undefined, imageSize: 96 })
    expect(steps).toMatchObject({
      resize: { to: { shortest: 96 }, filter: 'bicubic' },
      crop: { width: 96, height: 96 },
      padColour: null,
    })
    expect(steps.mean[0]).toBeCloseTo(0.4815, 4)
  })

  it("may be timm's", () => {
    const pretrained = { input_size: [3, 224, 224], crop_pct: 0.9, interpolation: 'bilinear', mean: [0.5, 0.5, 0.5] }
    expect(preprocessingOf({ processor: null, pretrained, imageSize: 96 })).toMatchObject({
      resize: { to: { shortest: 248 }, filter: 'bilinear' },
      crop: { width: 224, height: 224, evenRounding: true },
      mean: [0.5, 0.5, 0.5],
    })
  })

  it('must make sense', () => {
    const read = (processor: Record<string, unknown>) => () =>
      preprocessingOf({ processor, pretrained: undefined, imageSize: 96 })
    expect(read({ size: { shortest_edge: -3 } })).toThrow(/size/)
    expect(read({ image_processor_type: 'SamImageProcessor' })).toThrow(/SamImageProcessor/)
  })
})
