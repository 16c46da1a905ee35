/** Models in PyTorch's files over the native engine: shards of pytorch_model.bin and hqq's qmodel.pt are models like any other. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { RESOURCES, runRealCli } from './testing/real-cli.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const DATA = fileURLToPath(new URL('../../native/tests/data', import.meta.url))
let root = ''
let shards = ''
let qmodel = ''
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'hqq-torch-'))
  shards = join(root, 'shards')
  qmodel = join(root, 'qmodel')
  cpSync(join(DATA, 'pytorch_bin'), shards, { recursive: true })
  cpSync(join(DATA, 'qmodel'), qmodel, { recursive: true })
  // The folder of weights has the vocabulary of the demo model.
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    cpSync(join(RESOURCES, 'demo-model', name), join(shards, name))
  for (const folder of [shards, qmodel]) rmSync(join(folder, 'golden.safetensors'))
  rmSync(join(qmodel, 'make.py'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const run = (...args: string[]) => runRealCli(root, args)

async function newIds(model: string): Promise<number[]> {
  const limits = ['--max-new-tokens', '8', '--temperature', '0', '--compute-dtype', 'float32']
  return (await run('generate', '--model', model, '--prompt', 'The river', ...limits)).json.new_ids
}

describe('a folder with shards of pytorch_model.bin', () => {
  it('is inspected, by itself or by one of its files', async () => {
    const { json } = await run('inspect', '--model', shards)
    expect(json.summary).toMatchObject({ quantization: null, quantize_problem: null, run_problem: null })
    const named = await run('inspect', '--model', join(shards, 'pytorch_model-00001-of-00002.bin'))
    expect(named.json.summary.path).toBe(json.summary.path)
  })

  it('is quantized, and what comes back from that writes text', async () => {
    const [out, back] = [join(root, 'quantized'), join(root, 'back')]
    expect(await newIds(shards)).toHaveLength(8)
    const made = await run('quantize', '--model', shards, '--out', out, '--nbits', '8', '--group-size', '16')
    expect(made.json.error).toBeUndefined()
    expect((await run('dequantize', '--model', out, '--out', back)).json.error).toBeUndefined()
    expect(await newIds(back)).toHaveLength(8)
  })
})

describe('a folder with qmodel.pt', () => {
  it('is a quantized model that only hqq and this app open as it is', async () => {
    const { json } = await run('inspect', '--model', join(qmodel, 'qmodel.pt'))
    expect(json.summary).toMatchObject({ quantization: { mixed: true, stored_format: 'qmodel.pt' }, run_problem: null })
    const { portability } = (await run('portability', '--model', qmodel)).json
    expect(portability).toContainEqual(expect.objectContaining({ program: 'Python hqq', ok: true }))
    expect(portability).toContainEqual(expect.objectContaining({ program: 'transformers 4.57', ok: false }))
  })

  it('becomes a folder of safetensors and a qmodel.pt again, bit for bit, and plain weights', async () => {
    const [out, back] = [join(root, 'converted'), join(root, 'plain')]
    const made = await run('convert', '--from', qmodel, '--to', 'hqq-safetensors', '--out', out)
    expect(made.json).toMatchObject({ lossless: true })
    const again = join(root, 'again')
    expect((await run('convert', '--from', out, '--to', 'qmodel', '--out', again)).json).toMatchObject({
      lossless: true,
    })
    expect(readdirSync(again).sort()).toEqual(['config.json', 'qmodel.pt'])
    expect(JSON.parse(readFileSync(join(again, 'config.json'), 'utf8'))).not.toHaveProperty('quantization_config')
    expect((await run('dequantize', '--model', again, '--out', back)).json.error).toBeUndefined()
    expect(existsSync(join(back, 'model.safetensors'))).toBe(true)
  })
})
