/** GGUF files over the native engine: the same model says the same, whichever file it comes in. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { writeDemoGguf } from '../services/gguf/testing/demo-gguf.ts'
import { RESOURCES, runRealCli } from './testing/real-cli.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const DEMO = join(RESOURCES, 'demo-model')
const WINDOWS = ['--protocol', 'windows', '--window', '256', '--max-tokens', '1024']
const BRIEFLY = ['--text', join(DEMO, 'eval.txt'), ...WINDOWS]
let root = ''
let file = ''
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'hqq-gguf-'))
  file = join(root, 'Demo.gguf')
  writeDemoGguf(DEMO, file)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const run = (...args: string[]) => runRealCli(root, args)

function generate(model: string, prompt: string, length: number) {
  // Sampling defaults of a model folder are not in the file.
  const limits = ['--max-new-tokens', String(length), '--temperature', '0', '--repetition-penalty', '1']
  return run('generate', '--model', model, '--prompt', prompt, ...limits, '--compute-dtype', 'float32')
}

function perplexity(model: string, ...protocol: string[]) {
  return run('perplexity', '--model', model, '--compute-dtype', 'float32', ...protocol)
}

describe('the demo model as a GGUF file', () => {
  it('writes the same text and has the same perplexity', async () => {
    const [own, theirs] = [await generate(DEMO, 'The river', 24), await generate(file, 'The river', 24)]
    expect(theirs.json.new_ids).toEqual(own.json.new_ids)
    expect(theirs.json.text).toBe(own.json.text)
    const [a, b] = [await perplexity(DEMO, ...BRIEFLY), await perplexity(file, ...BRIEFLY)]
    expect(b.json.tokens).toBe(a.json.tokens)
    expect(b.json.perplexity).toBeCloseTo(a.json.perplexity, 6)
  })

  it('is quantized like any other, and what was made runs', async () => {
    const out = join(root, 'quantized')
    const made = await run('quantize', '--model', file, '--out', out, '--nbits', '4', '--group-size', '64')
    expect(made.json.error).toBeUndefined()
    expect(readdirSync(out)).toEqual(expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']))
    expect((await generate(out, 'The river', 8)).json.new_ids).toHaveLength(8)
  })

  it('is what convert writes, and reads back as the same model', async () => {
    const made = join(root, 'converted.gguf')
    const { json } = await run('convert', '--from', DEMO, '--to', 'gguf', '--out', made)
    expect(json).toMatchObject({ types: { BF16: 57, F32: 17 }, dequantized_layers: 0, rounding: 0 })
    const [own, theirs] = [await generate(DEMO, 'The river', 24), await generate(made, 'The river', 24)]
    expect(theirs.json.new_ids).toEqual(own.json.new_ids)
    expect(theirs.json.text).toBe(own.json.text)
    const wide = join(root, 'wide.gguf')
    const cast = await run('convert', '--from', DEMO, '--to', 'gguf', '--out', wide, '--float-type', 'f32')
    expect(cast.json).toMatchObject({ types: { F32: 74 }, most_cast: '', cast_rounding: 0 })
    expect((await generate(wide, 'The river', 24)).json.new_ids).toEqual(own.json.new_ids)
    const taken = await run('convert', '--from', DEMO, '--to', 'gguf', '--out', made)
    expect(taken.json.error).toMatchObject({ code: 'bad-input', message: expect.stringContaining('--force') })
  })

  it('keeps the integers of quantized layers when it is written, and so the perplexity', async () => {
    const [quantized, made] = [join(root, 'q4'), join(root, 'q4.gguf')]
    await run('quantize', '--model', DEMO, '--out', quantized, '--nbits', '4', '--group-size', '32')
    const { json } = await run('convert', '--from', quantized, '--to', 'gguf', '--out', made)
    expect(json.types).toMatchObject({ Q4_1: 56 })
    expect(json.rounding).toBeLessThan(2e-3)
    const [a, b] = [await perplexity(quantized, ...BRIEFLY), await perplexity(made, ...BRIEFLY)]
    expect(Math.abs(b.json.perplexity / a.json.perplexity - 1)).toBeLessThan(2e-3)
  })

  it('is named when it is broken or gone', async () => {
    expect((await run('inspect', '--model', join(root, 'none.gguf'))).json.error).toMatchObject({ code: 'not-found' })
    const broken = join(root, 'broken.gguf')
    writeFileSync(broken, readFileSync(file).subarray(0, 100_000))
    const { code, json } = await run('inspect', '--model', broken)
    expect(code).toBe(1)
    expect(json.error).toMatchObject({ code: 'bad-file', message: expect.stringContaining('broken.gguf') })
  })
})

const SHARED = join(RESOURCES, '..', '..', 'shared', 'data')
const SMOLLM = join(SHARED, 'models', 'smollm2-135m-instruct')
const hasSmolLm = existsSync(join(SMOLLM, 'golden.json'))
if (!hasSmolLm) process.stderr.write(`SKIPPED: the real GGUF file is not here (${SMOLLM})\n`)

const goldenSchema = z.object({
  cases: z.array(z.object({ prompt: z.string(), new_ids: z.array(z.number()), margins: z.array(z.number()) })),
  perplexity: z.object({
    text: z.string(),
    unquantized: z.object({ windows_1024: z.tuple([z.number(), z.number()]) }),
  }),
})
/** A smaller lead of the best token over the second may go the other way when sums are taken in another order. */
const CLEAR_MARGIN = 0.02

describe.skipIf(!hasSmolLm)('SmolLM2-135M-Instruct, Q4_1', () => {
  const model = () => join(SMOLLM, readdirSync(SMOLLM).find((name) => name.endsWith('.gguf')) ?? '')
  const golden = () => goldenSchema.parse(JSON.parse(readFileSync(join(SMOLLM, 'golden.json'), 'utf8')))

  it('gives the answers that transformers gives', async () => {
    for (const { prompt, new_ids, margins } of golden().cases) {
      const unclear = margins.findIndex((margin) => margin < CLEAR_MARGIN)
      const expected = unclear < 0 ? new_ids : new_ids.slice(0, unclear)
      if (expected.length === 0) continue
      const { json } = await generate(model(), prompt, expected.length)
      expect(json.new_ids).toEqual(expected)
    }
  })

  it('has the perplexity that transformers measures', async () => {
    const { text, unquantized } = golden().perplexity
    const [value, tokens] = unquantized.windows_1024
    const protocol = [
      '--text',
      join(SHARED, text),
      '--protocol',
      'windows',
      '--window',
      '1024',
      '--max-tokens',
      '10240',
    ]
    const { json } = await perplexity(model(), ...protocol)
    expect(json.tokens).toBe(tokens)
    expect(Math.abs(json.perplexity / value - 1)).toBeLessThan(0.001)
  })
})
