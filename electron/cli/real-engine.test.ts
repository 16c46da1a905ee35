/** The command line over the native engine and the bundled model: what a person gets, from the quantizer to the text. */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { RESOURCES, runRealCli } from './testing/real-cli.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const DEMO = join(RESOURCES, 'demo-model')

let root = ''
let quantized = ''
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hqq-real-'))
  quantized = join(root, 'quantized')
  expect((await run(quantize(quantized))).code).toBe(0)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const run = (args: readonly string[], cancelAt?: string) => runRealCli(root, args, cancelAt)

const MIXED = ['--rule', '*.v_proj=8:32', '--rule', '*.layers.0.*.up_proj=2:16', '--rule', '*.layers.7.*=keep']

function quantize(out: string, source = 'demo'): string[] {
  return ['quantize', '--model', source, '--out', out, '--nbits', '4', '--group-size', '64', ...MIXED]
}

function contents(dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'base64')]))
}

async function logits(model: string): Promise<string> {
  const ids = join(root, 'ids.json')
  writeFileSync(ids, '[[1,53,1382,647,265,581,461,316,265]]')
  const out = join(root, 'logits.safetensors')
  expect((await run(['logits', '--model', model, '--ids', ids, '--out', out])).code).toBe(0)
  return readFileSync(out, 'base64')
}

describe('the demo model', () => {
  it('writes what transformers writes', async () => {
    const { greedy } = JSON.parse(readFileSync(join(DEMO, 'golden.json'), 'utf8')) as {
      greedy: { prompt: string; new_ids: number[]; text: string }[]
    }
    for (const { prompt, new_ids, text } of greedy) {
      const length = String(new_ids.length)
      const { json } = await run([
        'generate',
        '--model',
        'demo',
        '--prompt',
        prompt,
        '--max-new-tokens',
        length,
        '--temperature',
        '0',
      ])
      expect(json).toMatchObject({ text, new_ids })
    }
  })
})

describe('a quantized folder', () => {
  it('gives the same logits each time it is loaded, wherever it lies', async () => {
    const moved = join(root, 'moved')
    cpSync(quantized, moved, { recursive: true })
    const first = await logits(quantized)
    expect(await logits(quantized)).toBe(first)
    expect(await logits(moved)).toBe(first)
    expect(first).not.toBe(await logits('demo'))
  })

  it('is byte for byte the same after an interruption', async () => {
    const out = join(root, 'interrupted')
    expect((await run(quantize(out), 'quantize: ')).code).toBe(130)
    expect(readdirSync(`${out}.partial`)).toContain('quantize-journal.jsonl')
    expect((await run(quantize(out))).code).toBe(0)
    expect(contents(out)).toEqual(contents(quantized))
  })

  it('measures worse than the original, but not by much', async () => {
    const perplexity = async (model: string) => {
      const { json } = await run(['perplexity', '--model', model, '--window', '128', '--max-tokens', '512'])
      return Number(json.perplexity)
    }
    const original = await perplexity('demo')
    const lost = await perplexity(quantized)
    expect(lost).toBeGreaterThan(original)
    expect(lost).toBeLessThan(original * 1.3)
  })
})

describe('a report', () => {
  it('names a command that makes the same folder again, byte for byte', async () => {
    const { json } = await run(['report', '--model', quantized, '--measure', 'none'])
    const command: string = json.commands[0]
    const again = join(root, 'again')
    // Quoting as a shell undoes it: nothing here but single quotes.
    const words = command.replace('npm run -s cli -- ', '').match(/'[^']*'|[^ ]+/g) ?? []
    const args = words.map((word) => word.replaceAll("'", '')).map((word) => (word === quantized ? again : word))
    expect((await run(args)).code).toBe(0)
    expect(contents(again)).toEqual(contents(quantized))
  })

  it('measures divergence that is the ratio of the two perplexities, and none from the same weights', async () => {
    const args = ['compare', '--model', 'demo', '--model', quantized, '--window', '128', '--max-tokens', '512']
    const { json } = await run(args)
    const [version] = json.versions
    expect(version).toMatchObject({ tokens: 508, windows: 4 })
    expect(version.mean_kl).toBeGreaterThan(0.001)
    expect(version.mean_kl).toBeLessThan(version.p99_kl)
    expect(version.top_agreement).toBeGreaterThan(0.7)
    const perplexity = await run(['perplexity', '--model', quantized, '--window', '128', '--max-tokens', '512'])
    expect(version.perplexity).toBeCloseTo(perplexity.json.perplexity, 3)
    const copy = join(root, 'copy')
    cpSync(quantized, copy, { recursive: true })
    const same = await run(['compare', '--model', quantized, '--model', copy, '--window', '128', '--max-tokens', '256'])
    expect(same.json.versions[0]).toMatchObject({ mean_kl: 0, top_agreement: 1, perplexity_ratio: 1 })
  })
})

describe('bad model folders', () => {
  function damaged(name: string, damage: (weights: Buffer) => Buffer): string {
    const dir = join(root, name)
    mkdirSync(dir)
    for (const file of ['config.json', 'tokenizer.json']) copyFileSync(join(DEMO, file), join(dir, file))
    writeFileSync(join(dir, 'model.safetensors'), damage(readFileSync(join(DEMO, 'model.safetensors'))))
    return dir
  }

  it.each([
    ['cut off', (weights: Buffer) => weights.subarray(0, 1_000_000), 'bad-file'],
    [
      'with a header larger than the file',
      (weights: Buffer) => Buffer.concat([Buffer.from('ffffffffffffff7f', 'hex'), weights]),
      'bad-file',
    ],
    ['with a header that is no JSON', (weights: Buffer) => Buffer.from(weights).fill(0x7b, 8, 40), 'bad-file'],
    [
      'with weights that are not numbers',
      (weights: Buffer) => Buffer.from(weights).fill(0xff, weights.length - 5_000_000),
      'bad-weights',
    ],
  ])('%s are refused with a sentence, and leave no model behind', async (name, damage, code) => {
    const dir = damaged(name, damage)
    const out = join(root, `${name} result`)
    const result = await run(quantize(out, dir))
    expect(result.code).toBe(1)
    expect(result.json.error).toMatchObject({ code, message: expect.stringMatching(/\w+ \w+/) })
    expect(readdirSync(root)).not.toContain(`${name} result`)
  })
})
