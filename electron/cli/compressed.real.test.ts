/** compressed-tensors over the native engine: the layout as the schema beside the tests says it, and sizes that follow from each other. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import schema from './testing/compressed-tensors.schema.json' with { type: 'json' }
import { RESOURCES, runRealCli } from './testing/real-cli.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

// The file is a schema; the compiler knows only its texts.
const layoutSchema = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0])
const tensorSchema = z.object({ dtype: z.string(), shape: z.array(z.number()) })
const configSchema = z.object({
  ignore: z.array(z.string()),
  config_groups: z.record(
    z.string(),
    z.object({
      targets: z.array(z.string()),
      weights: z.object({ num_bits: z.number(), group_size: z.number().nullable(), symmetric: z.boolean() }),
    }),
  ),
})
type Layers = Record<string, Record<string, z.infer<typeof tensorSchema>>>

let root = ''
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'hqq-compressed-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function converted(name: string, options: string[]) {
  const [quantized, out] = [join(root, `${name}-hqq`), join(root, name)]
  const made = await runRealCli(root, [
    'quantize',
    '--model',
    join(RESOURCES, 'demo-model'),
    '--out',
    quantized,
    ...options,
  ])
  expect(made.json.error).toBeUndefined()
  const { json } = await runRealCli(root, ['convert', '--from', quantized, '--to', 'compressed-tensors', '--out', out])
  expect(json.error).toBeUndefined()
  const { quantization_config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
  return { json, quantization_config, layers: layersOf(join(out, 'model.safetensors')) }
}

/** Type and shape of the tensors of each quantized layer, from the header of the file. */
function layersOf(path: string): Layers {
  const file = readFileSync(path)
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString('utf8'))
  const layers: Layers = {}
  for (const [name, value] of Object.entries(header)) {
    const dot = name.lastIndexOf('.')
    const key = name.slice(dot + 1)
    if (!key.startsWith('weight_')) continue
    layers[name.slice(0, dot)] = { ...layers[name.slice(0, dot)], [key]: tensorSchema.parse(value) }
  }
  return layers
}

describe('compressed-tensors', () => {
  it.each([
    ['four', ['--nbits', '4', '--group-size', '32', '--method', 'rtn', '--round-zero']],
    ['eight', ['--nbits', '8', '--group-size', '128', '--method', 'rtn', '--round-zero']],
    ['mixed', ['--nbits', '4', '--group-size', '32', '--rule', '*.layers.0.mlp.*=8:64', '--rule', '*.layers.1.*=keep']],
  ])('has the layout of the schema: %s', async (name, options) => {
    const { quantization_config, layers } = await converted(name, options)
    expect(layoutSchema.safeParse({ quantization_config, layers }).error?.issues).toBeUndefined()
    const { config_groups, ignore } = configSchema.parse(quantization_config)
    expect(ignore).toContain('lm_head')
    const described = new Set<string>()
    for (const { targets, weights } of Object.values(config_groups)) {
      for (const layer of targets.includes('Linear') ? Object.keys(layers) : targets) {
        described.add(layer)
        const { weight_packed, weight_scale, weight_zero_point } = layers[layer] ?? {}
        const [out = 0, groups = 0] = weight_scale?.shape ?? []
        const [rows, words = 0] = weight_packed?.shape ?? []
        expect(rows).toBe(out)
        expect(words * (32 / weights.num_bits)).toBe(groups * (weights.group_size ?? words * (32 / weights.num_bits)))
        expect(weight_zero_point === undefined).toBe(weights.symmetric)
        if (weight_zero_point)
          expect(weight_zero_point.shape).toEqual([Math.ceil(out / (32 / weights.num_bits)), groups])
      }
    }
    expect([...described].sort()).toEqual(Object.keys(layers).sort())
    expect(ignore.filter((layer) => described.has(layer))).toEqual([])
  })

  it('is told from what it is not', async () => {
    const { quantization_config, layers } = await converted('told', ['--nbits', '4', '--group-size', '64'])
    const altered = (change: object) => layoutSchema.safeParse({ quantization_config, layers, ...change }).success
    expect(altered({})).toBe(true)
    expect(altered({ quantization_config: { ...quantization_config, format: 'dense' } })).toBe(false)
    const [first = '', tensors = {}] = Object.entries(layers)[0] ?? []
    const { weight_scale: _, ...without } = tensors
    expect(altered({ layers: { ...layers, [first]: without } })).toBe(false)
    expect(altered({ layers: { ...layers, [first]: { ...tensors, weight_packed: tensors.weight_scale } } })).toBe(false)
  })
})
