import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { closeWorlds, createWorld, makeTinyModel, type WorldOptions } from '../services/testing/world.ts'
import { runProgram } from './program.ts'

vi.setConfig({ testTimeout: 120_000 })

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hqq-cli-'))
})
afterEach(async () => {
  await closeWorlds()
  rmSync(root, { recursive: true, force: true })
})

interface Running {
  engine?: WorldOptions
  /** What a person types. */
  input?: string[]
  signal?: AbortSignal
  onStderr?: (text: string) => void
}

async function run(args: string[], { engine = {}, input = [], signal, onStderr }: Running = {}) {
  let stdout = ''
  let stderr = ''
  const lines = [...input]
  const code = await runProgram(args, {
    streams: {
      stdout(text) {
        stdout += text
      },
      stderr(text) {
        stderr += text
        onStderr?.(text)
      },
      isTerminal: false,
    },
    signal: signal ?? new AbortController().signal,
    readLine: async () => lines.shift() ?? null,
    openApp: async () => (await createWorld({ root, host: 'cli', ...engine })).app,
  })
  return { code, stdout, stderr, json: () => JSON.parse(stdout) }
}

const COMMANDS = [
  'quantize',
  'perplexity',
  'compare',
  'report',
  'generate',
  'chat',
  'logits',
  'tensor',
  'inspect',
  'convert',
  'models',
  'estimate',
  'sensitivity',
  'optimize',
  'devices',
]

describe('help', () => {
  it('lists every command, and each command explains itself', async () => {
    const { code, stdout } = await run(['--help'])
    expect(code).toBe(0)
    for (const command of COMMANDS) expect(stdout).toContain(`${command} `)
    for (const command of COMMANDS) {
      const help = await run([command, '--help'])
      expect(help.code).toBe(0)
      expect(help.stdout).toContain('Usage:')
    }
  })
})

describe('exit codes and errors', () => {
  it.each([
    ['an unknown command', ['frobnicate']],
    ['a missing option', ['quantize', '--model', 'demo']],
    ['an impossible value', ['quantize', '--model', 'demo', '--out', 'x', '--nbits', '7', '--group-size', '64']],
    ['an unknown device', ['perplexity', '--model', 'demo', '--device', 'tpu']],
    ['an unknown protocol', ['perplexity', '--model', 'demo', '--protocol', 'guess']],
    ['no bits at all', ['estimate', '--model', 'demo']],
    ['a conversation as one document', ['chat', '--model', 'demo', '--json']],
  ])('are 2 for %s', async (_, args) => {
    const { code, stdout, stderr } = await run(args)
    expect(code).toBe(2)
    expect(stderr).not.toBe('')
    if (!args.includes('--json')) expect(stdout).toBe('')
    const asJson = await run([...args, '--json'])
    expect(asJson.code).toBe(2)
    expect(asJson.json().error.code).toBe('bad-input')
  })

  it('are 1 for work that failed, with one JSON document', async () => {
    const failed = await run(['inspect', '--model', '/nowhere', '--json'])
    expect(failed.code).toBe(1)
    expect(failed.json()).toMatchObject({ error: { code: 'not-found' } })
  })

  it('are 130 for Ctrl-C, and what was done is kept', async () => {
    const stop = new AbortController()
    const out = join(root, 'out')
    const { code, json, stderr } = await run(
      ['quantize', '--model', 'demo', '--out', out, '--nbits', '4', '--group-size', '64', '--json'],
      { engine: { stepMs: 30 }, signal: stop.signal, onStderr: (text) => text.startsWith('quantize') && stop.abort() },
    )
    expect(code).toBe(130)
    expect(json()).toMatchObject({ error: { code: 'cancelled' } })
    expect(existsSync(`${out}.partial`)).toBe(true)
    expect(stderr).toContain('Run the same command again')
  })
})

describe('devices', () => {
  const gpu = (ordinal: number, problem: string | null) => ({
    id: `cuda:GPU-${ordinal}`,
    name: `Card ${ordinal}`,
    kind: 'cuda' as const,
    totalBytes: 24 * 2 ** 30,
    freeBytes: 20 * 2 ** 30,
    gpu: {
      uuid: `GPU-${ordinal}`,
      ordinal,
      computeCapability: '9.0',
      multiprocessors: 132,
      driver: '580.65.06',
      otherBytes: 2 ** 30,
      utilization: 3,
      own: { weights: 0, metadata: 0, kvCache: 0, scratch: 0 },
      problem,
    },
  })
  const engine = { gpus: [gpu(0, null), gpu(1, 'Too old.')] }

  it('are listed with what auto takes, and a reason for each that is not used', async () => {
    const { stdout } = await run(['devices'], { engine })
    expect(stdout).toMatch(
      /cuda:0 +Card 0 +24\.0.GiB +20\.0.GiB +1\.00.GiB +9\.0 +580\.65\.06 +GPU-0 +ready, used by auto/,
    )
    expect(stdout).toMatch(/cuda:1 .* Too old\./)
    const { json } = await run(['devices', '--json'], { engine })
    expect(json()).toMatchObject({ auto: 'cuda:GPU-0', cuda: { state: 'ready' }, devices: [{ id: 'cpu' }, {}, {}] })
  })

  it('say why there is no GPU', async () => {
    const { stdout } = await run(['devices'])
    expect(stdout).toContain('No NVIDIA driver is installed')
  })

  it('are named by measurements', async () => {
    const args = ['perplexity', '--model', 'demo', '--max-tokens', '256', '--window', '64', '--json']
    const onGpu = await run(args, { engine })
    expect(onGpu.json()).toMatchObject({ device: 'Card 0' })
    const onCpu = await run([...args, '--device', 'cpu'], { engine })
    expect(onCpu.json()).toMatchObject({ device: 'cpu' })
    const refused = await run([...args, '--device', 'cuda:1'], { engine })
    expect(refused.code).toBe(1)
    expect(refused.json().error).toMatchObject({ code: 'unsupported', message: 'Card 1 cannot be used. Too old.' })
  })
})

describe('quantize', () => {
  const args = (out: string, ...more: string[]) => [
    'quantize',
    '--model',
    'demo',
    '--out',
    out,
    '--nbits',
    '4',
    '--group-size',
    '64',
    ...more,
  ]

  it('makes a folder and tells about it, for people and for scripts', async () => {
    const out = join(root, 'out')
    const { code, stdout, stderr } = await run(args(out))
    expect(code).toBe(0)
    expect(stdout).toContain('56 at 4-bit g64')
    expect(stderr).toContain('quantize: 56/56')
    expect((await run(args(out))).code).toBe(1)
    const again = await run(args(out, '--force', '--json', '--quiet'))
    expect(again.stderr).toBe('')
    expect(again.json()).toMatchObject({ out, label: '4-bit g64', quantized_layers: 56, tensors: expect.any(Array) })
    expect(readdirSync(root).sort()).toEqual(['data', 'out'])
    // The library of the window knows it.
    expect((await run(['models'])).stdout).toContain('out')
  })

  it('has a way back to plain weights', async () => {
    const [out, plain] = [join(root, 'out'), join(root, 'plain')]
    await run(args(out))
    const { code, stdout } = await run(['dequantize', '--model', out, '--out', plain, '--dtype', 'float32'])
    expect(code).toBe(0)
    expect(stdout).toContain('56 reconstructed')
    const config = JSON.parse(readFileSync(join(plain, 'config.json'), 'utf8'))
    expect(config).toMatchObject({ model_type: 'llama', torch_dtype: 'float32' })
    expect(config.quantization_config).toBeUndefined()
    expect(readdirSync(plain)).toContain('tokenizer.json')
    const twice = await run(['dequantize', '--model', plain, '--out', join(root, 'again'), '--json'])
    expect(twice.json()).toMatchObject({ error: { code: 'bad-input' } })
  })

  it('goes on after a death of the engine when it is started again', async () => {
    const out = join(root, 'out')
    const layer = 'model.layers.7.mlp.down_proj'
    const died = await run(args(out, '--json'), { engine: { crashAt: layer } })
    expect(died.code).toBe(1)
    expect(died.json()).toMatchObject({ error: { code: 'engine-lost' } })
    expect((await run(args(out))).stderr).toContain('Going on')
    rmSync(out, { recursive: true })
    await run(args(out), { engine: { crashAt: layer } })
    expect((await run(args(out, '--no-resume'))).stderr).not.toContain('Going on')
  })

  it('takes rules from options and files, the options last', async () => {
    const file = join(root, 'config.json')
    const spec = { nbits: 2, groupSize: 16 }
    writeFileSync(
      file,
      JSON.stringify({ base: { kind: 'quantize', spec }, rules: [{ pattern: '*.k_proj', choice: { kind: 'keep' } }] }),
    )
    const estimate = await run(['estimate', '--model', 'demo', '--config', file, '--rule', '*.v_proj=8:32:0', '--json'])
    const rows = estimate.json().table as {
      name: string
      choice: { kind: string; spec?: object }
      decided_by: string
    }[]
    const row = (tag: string) => rows.find((one) => one.name === `model.layers.0.self_attn.${tag}`)
    expect(row('q_proj')).toMatchObject({ choice: { spec: { nbits: 2, group_size: 16 } }, decided_by: 'base' })
    expect(row('k_proj')).toMatchObject({ choice: { kind: 'keep' } })
    expect(row('v_proj')).toMatchObject({ choice: { spec: { nbits: 8, group_size: 32, axis: 0 } } })
    const text = await run(['estimate', '--model', 'demo', '--config', file, '--nbits', '3', '--group-size', 'none'])
    expect(text.stdout).toContain('3-bit per channel')
    expect((await run(['estimate', '--model', 'demo', '--config', join(root, 'none.json')])).code).toBe(1)
  })
})

describe('a budget', () => {
  it('is spent on the layers that matter, as a file that quantize takes', async () => {
    const model = makeTinyModel(root)
    const file = join(root, 'preset.json')
    const shown = await run(['sensitivity', '--model', model, '--json'])
    expect(shown.code).toBe(0)
    const { layers } = shown.json()
    expect(layers.length).toBeGreaterThan(0)
    const made = await run([
      'optimize',
      '--model',
      model,
      '--budget',
      '5bpw',
      '--pin',
      `${layers[0].name}=keep`,
      '--out',
      file,
      '--json',
    ])
    expect(made.stderr + made.stdout).not.toContain('error')
    expect(made.json().bits_per_weight).toBeGreaterThan(0)
    const config = JSON.parse(readFileSync(file, 'utf8'))
    expect(config.seed).toBe(0)
    const quantized = await run(['quantize', '--model', model, '--config', file, '--out', join(root, 'made'), '--json'])
    expect(quantized.code).toBe(0)
    expect(quantized.json().tensors.some(({ name }: { name: string }) => name === layers[0].name)).toBe(false)
  })

  it('that is too small or has no unit is refused', async () => {
    const model = makeTinyModel(root)
    const small = await run([
      'optimize',
      '--model',
      model,
      '--budget',
      '0.5bpw',
      '--out',
      join(root, 'p.json'),
      '--json',
    ])
    expect(small.code).toBe(1)
    expect(small.json().error.message).toContain('too little')
    expect((await run(['optimize', '--model', model, '--budget', '3', '--out', join(root, 'p.json')])).code).toBe(2)
  })
})

describe('generate and chat', () => {
  it('generate gives text, ids and speed', async () => {
    const { code, json } = await run(
      ['generate', '--model', 'demo', '--prompt', 'Once', '--max-new-tokens', '4', '--temperature', '0', '--json'],
      { engine: { script: [316, 265] } },
    )
    expect(code).toBe(0)
    expect(json()).toMatchObject({
      new_ids: [316, 265, 316, 265],
      finish_reason: 'length',
      tokens_per_second: expect.any(Number),
    })
    expect(json().text).not.toBe('')
  })

  it('takes what is not given from the generation_config.json of the model', async () => {
    const given: object[] = []
    const args = ['generate', '--model', 'demo', '--prompt', 'Once', '--max-new-tokens', '1']
    await run(args, { engine: { onGenerate: (input) => given.push(input) } })
    await run([...args, '--repetition-penalty', '1'], { engine: { onGenerate: (input) => given.push(input) } })
    expect(given).toMatchObject([
      { temperature: 0, repetitionPenalty: 1.1, topK: 40, stopIds: [2, 6] },
      { repetitionPenalty: 1 },
    ])
  })

  it('chat keeps the conversation until it is told to forget', async () => {
    const prompts: number[] = []
    const { code, stdout } = await run(['chat', '--model', 'demo', '--temperature', '0', '--max-new-tokens', '2'], {
      input: ['Hello', '', 'And you?', '/reset', 'Hello', '/exit', 'never'],
      engine: { script: [316], onGenerate: ({ ids }) => prompts.push(ids.length) },
    })
    expect(code).toBe(0)
    expect(stdout.split('\n')).toHaveLength(4)
    expect(prompts[1]).toBeGreaterThan(prompts[0] ?? 0)
    expect(prompts[2]).toBe(prompts[0])
  })
})

describe('measuring and looking', () => {
  it('perplexity says how it was measured', async () => {
    const text = join(root, 'text.txt')
    writeFileSync(text, 'All happy families are alike. '.repeat(40))
    const { json } = await run([
      'perplexity',
      '--model',
      'demo',
      '--text',
      text,
      '--protocol',
      'hqq',
      '--window',
      '64',
      '--max-tokens',
      '200',
      '--json',
    ])
    expect(json()).toMatchObject({
      perplexity: expect.any(Number),
      tokens: 200,
      protocol: 'hqq',
      window: 64,
      stride: 32,
      special_ids: [1],
    })
  })

  it('compare says how far versions are from the first, and how that was measured', async () => {
    const version = makeTinyModel(join(root, 'version'))
    const args = ['compare', '--model', 'demo', '--model', version, '--window', '64', '--max-tokens', '200']
    const { code, stdout } = await run(args)
    expect(code).toBe(0)
    expect(stdout).toContain('189 tokens in 3 windows of 64')
    const { json } = await run([...args, '--json', '--tokens'])
    expect(json()).toMatchObject({
      versions: [
        {
          model: version,
          mean_kl: expect.any(Number),
          tokens: 189,
          windows: 3,
          perplexity_ratio: expect.closeTo(Math.exp(45 / 189), 9),
        },
      ],
      protocol: { protocol: 'windows', window: 64, stream_tokens: 200, temperature: 1 },
    })
    expect(json().versions[0].token_kl).toHaveLength(189)
    expect((await run(['compare', '--model', 'demo'])).code).toBe(2)
    expect((await run(['compare', '--model', 'demo', '--model', 'demo'])).code).toBe(2)
  })

  it('report writes one file about a model, measured where figures are missing', async () => {
    const out = join(root, 'small')
    await run([
      'quantize',
      '--model',
      'demo',
      '--out',
      out,
      '--nbits',
      '3',
      '--group-size',
      '64',
      '--rule',
      '*.v_proj=8:64',
    ])
    const page = join(root, 'report.html')
    const { code, json } = await run(['report', '--model', out, '--out', page, '--max-tokens', '1024', '--json'])
    expect(code).toBe(0)
    const { report } = json()
    expect(report).toMatchObject({
      format: 'hqq-studio-report',
      model: { path: out },
      original: { name: 'Demo model' },
      made: { config: { base: { spec: { nbits: 3 } } }, source: 'demo' },
      hardware: { cpu: 'Pretend CPU' },
    })
    const metrics = (one: { measurements: { metric: string; protocolKey: string }[] }) =>
      one.measurements.map(({ metric }) => metric).sort()
    expect(metrics(report.model)).toEqual([
      ...['decode-speed', 'mean-kl', 'memory', 'p99-kl', 'perplexity', 'perplexity-ratio', 'prefill-speed'],
      'top-1-agreement',
    ])
    expect(metrics(report.original)).toEqual(['decode-speed', 'memory', 'perplexity', 'prefill-speed'])
    const perplexityKey = (one: typeof report.model) =>
      one.measurements.find(({ metric }: { metric: string }) => metric === 'perplexity').protocolKey
    expect(perplexityKey(report.original)).toBe(perplexityKey(report.model))
    expect(report.tensors).toHaveLength(57)
    expect(report.samples).toHaveLength(2)
    expect(report.samples[0].answers).toHaveLength(2)
    expect(report.commands[0]).toContain("--nbits 3 --group-size 64 --method hqq --rule '*.v_proj=8:64'")
    expect(readFileSync(page, 'utf8')).toContain('<!doctype html>')

    const text = join(root, 'report.md')
    expect((await run(['report', '--model', out, '--out', text, '--measure', 'none'])).code).toBe(0)
    expect(readFileSync(text, 'utf8')).toContain('# small')
    expect((await run(['report', '--model', out, '--out', join(root, 'report.pdf')])).code).toBe(2)
    expect((await run(['report', '--model', out])).code).toBe(2)
    expect((await run(['report', '--model', 'demo', '--measure', 'none', '--json'])).json()).toMatchObject({
      original: null,
      made: null,
    })
  })

  it('logits and tensor write files', async () => {
    const ids = join(root, 'ids.json')
    writeFileSync(ids, '[[1,2,3],[4,5,6]]')
    const out = join(root, 'logits.safetensors')
    expect((await run(['logits', '--model', 'demo', '--ids', ids, '--out', out, '--json'])).json()).toMatchObject({
      shape: [2, 3, 256],
    })
    writeFileSync(ids, '[[1,2],[3]]')
    expect((await run(['logits', '--model', 'demo', '--ids', ids, '--out', out])).code).toBe(1)
    const tensor = join(root, 'tensor.json')
    const args = [
      'tensor',
      'quantize',
      '--file',
      'f',
      '--tensor',
      't',
      '--nbits',
      '3',
      '--group-size',
      'none',
      '--axis',
      '0',
      '--out',
      tensor,
    ]
    expect((await run([...args, '--no-optimize'])).code).toBe(0)
    expect(JSON.parse(readFileSync(tensor, 'utf8'))).toMatchObject({
      nbits: 3,
      groupSize: null,
      axis: 0,
      method: 'rtn',
      roundZero: false,
    })
  })

  it('inspect shows layers or tensors', async () => {
    expect((await run(['inspect', '--model', 'demo'])).stdout).toContain('model.layers.7.mlp.down_proj')
    expect((await run(['inspect', '--model', 'demo', '--tensors'])).stdout).toContain('model.embed_tokens.weight')
    expect((await run(['inspect', '--model', 'demo', '--json'])).json()).toMatchObject({
      summary: { parameters: 14_162_304 },
    })
  })
})
