import { describe, expect, it } from 'vitest'
import type { Answer } from '../contract/difference.ts'
import type { Measurement } from '../contract/domain.ts'
import { type Report, reportSchema } from '../contract/report.ts'
import { quantize, quantSpec } from '../plan/choices.ts'
import { commandsOf } from './commands.ts'
import { figuresOf } from './figures.ts'
import { renderReport } from './render.ts'

const EVIL = `<script>alert("1")</script> & 'two' | three`
const parts = { weights: 3e7, metadata: 1e6, kvCache: 8e6, scratch: 9e6, other: 7e7 }

function measurement(metric: Measurement['metric'], value: number, key = 'k', at = '2026-01-01'): Measurement {
  return {
    ...{ id: `${metric}-${at}`, modelId: 'm', metric, value, unit: '', protocolKey: key, memory: null, seconds: 1 },
    protocol: { protocol: 'windows', window: 512, streamTokens: 4096, text: 'bundled', textSha256: 'f'.repeat(64) },
    engineVersion: '1',
    at,
  }
}

const answer = (part: Partial<Answer> = {}): Answer => ({
  modelId: 'm',
  text: EVIL,
  tokens: [{ text: EVIL, seen: null }],
  finishReason: 'length',
  tokensPerSecond: 1,
  firstDifference: null,
  summary: null,
  ...part,
})

function sampleReport(part: Partial<Report> = {}): Report {
  const model = {
    name: EVIL,
    path: '/models/a b',
    architecture: 'LlamaForCausalLM',
    parameters: 1e6,
    precision: '3-bit g64',
    bitsPerWeight: 3.71,
    fileBytes: 9.1e6,
    memory: { contextLength: 1024, predicted: parts, measured: parts },
    measurements: [measurement('perplexity', 34.66), measurement('mean-kl', 0.332, 'kl')],
  }
  const seen = {
    ...{ kl: 0.7, referenceProbability: 0.1, probability: 0.2, referenceTop: '"a', referenceTopProbability: 0.5 },
    ...{ top: '<b', topProbability: 0.3 },
  }
  return reportSchema.parse({
    format: 'hqq-studio-report',
    version: 1,
    at: '2026-01-02T03:04:05.000Z',
    model,
    original: {
      ...model,
      name: 'Original',
      precision: 'bfloat16',
      bitsPerWeight: null,
      measurements: [measurement('perplexity', 26.74), measurement('decode-speed', 200, 'other')],
    },
    made: {
      config: { base: quantize(3, 64), rules: [], computeDtype: 'float16' },
      ...{ engineVersion: '1', source: 'demo', sourceConfigSha256: 'c0ffee', sourceWeights: [], seconds: 0.2 },
      peakBytes: 6e6,
      loadsIn: { transformers: { ok: true, reason: 'fine' } },
    },
    tensors: [
      'model.layers.0.mlp.up_proj',
      'model.layers.0.mlp.down_proj',
      'model.layers.1.mlp.up_proj',
      'lm_head',
    ].map((name, index) => ({
      ...{ name, shape: [64, 64], dtype: 'float16', bytes: 1000, bitsPerWeight: 3.7, decidedBy: 'base', seconds: 0.1 },
      spec: index === 3 ? null : quantSpec(3, 64),
      relativeError: index === 3 ? null : 0.1 + index / 100,
    })),
    samples: [
      {
        prompt: { kind: 'text', text: EVIL },
        answers: [answer(), answer({ tokens: [{ text: EVIL, seen }], firstDifference: 0 })],
      },
    ],
    hardware: { cpu: 'Pretend', cores: 2, threads: 2, simd: 'avx2', memoryBytes: 16e9, gpus: [], system: 'Linux' },
    versions: { app: '1', engine: '1', node: 'v24' },
    commands: ['npm run -s cli -- report'],
    ...part,
  })
}

describe('figures', () => {
  it('stand beside the original’s only under the same protocol, and name each protocol once', () => {
    const { rows, notes } = figuresOf(sampleReport())
    const row = (label: RegExp) => rows.find((one) => label.test(one.label))
    expect(row(/^Perplexity$/)).toMatchObject({ original: '26.74', model: '34.66' })
    expect(row(/mean KL/)).toMatchObject({ original: '', model: expect.stringContaining('0.332') })
    expect(row(/Writing speed/)).toBeUndefined()
    expect(row(/^Perplexity$/)?.note).toBe(row(/mean KL/)?.note)
    expect(new Set(notes).size).toBe(notes.length)
    const report = sampleReport()
    report.original?.measurements.splice(0, 1, measurement('perplexity', 20, 'another'))
    expect(figuresOf(report).rows.find((one) => one.label === 'Perplexity')?.original).toBe('')
  })

  it('are the newest', () => {
    const report = sampleReport()
    report.model.measurements.push(measurement('perplexity', 40, 'later', '2026-02-01'))
    expect(figuresOf(report).rows.find((one) => one.label === 'Perplexity')?.model).toBe('40.00')
  })
})

describe('HTML', () => {
  const page = renderReport(sampleReport(), 'html')

  it('holds nothing that runs, loads or leaves, whatever the names and answers are', () => {
    expect(page).not.toContain('<script')
    expect(page).toContain('&lt;script&gt;')
    expect(page).toContain('default-src &#39;none&#39;')
    expect(page).not.toMatch(/\b(src|href|url)\s*[=(]\s*["']?(https?:|\/\/)/i)
    expect(page).not.toMatch(/ on\w+=/i)
  })

  it('has a grid of blocks, every layer, and answers on the ground of their divergence', () => {
    expect(page).toContain('mlp.up_proj</th>')
    expect(page).toContain('<td></td>')
    expect(page).toContain('lm_head')
    expect(page).toContain('parts here')
    expect(page).toMatch(/class="s\d differs" title="KL 0\.700 nats; the original: &quot;a/)
  })

  it('does without an original, a record and samples', () => {
    const bare = renderReport(sampleReport({ original: null, made: null, samples: [] }), 'html')
    expect(bare).not.toContain('How it was made')
    expect(bare).not.toContain('>Original<')
    expect(bare).not.toContain('Samples')
  })
})

describe('Markdown', () => {
  it('keeps tables and fences whole', () => {
    const report = sampleReport({ commands: ['```'] })
    const text = renderReport(report, 'md')
    expect(text).toContain('| Perplexity | 26.74 | 34.66 | (2) |')
    expect(text).toContain("& 'two' \\| three")
    expect(text).toContain('````sh\n```\n````')
    const widths = text
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.replaceAll('\\|', '').split('|').length)
    expect(new Set(widths).size).toBe(1)
  })
})

describe('JSON', () => {
  it('is the report', () => {
    const report = sampleReport()
    expect(reportSchema.parse(JSON.parse(renderReport(report, 'json')))).toEqual(report)
  })
})

describe('commands', () => {
  const facts = { model: "/m/it's", original: '/m/base', measurements: [] }
  const quantizeLine = (config: Parameters<typeof commandsOf>[0]['config']) => commandsOf({ ...facts, config })[0]

  it('say a configuration in options where they can', () => {
    const spec = quantSpec(3, null, { axis: 0, method: 'self', roundZero: false, quantZero: true })
    const rules = [
      { pattern: '*.v_proj', choice: quantize(8, 32) },
      { pattern: 'a=b', choice: quantize(4, 64, { axis: 0 }) },
      { pattern: 'lm_head', choice: { kind: 'keep' as const } },
    ]
    expect(
      quantizeLine({ base: { kind: 'quantize', spec }, rules, computeDtype: 'bfloat16', seed: 3, text: '/t' }),
    ).toBe(
      "npm run -s cli -- quantize --model /m/base --out '/m/it'\\''s' --nbits 3 --group-size none --axis 0 --method self " +
        "--no-round-zero --quant-zero --rule '*.v_proj=8:32' --rule 'a=b=4:64:0' --rule 'lm_head=keep' --seed 3 --text /t --compute-dtype bfloat16",
    )
  })

  it('write a file for what options cannot say', () => {
    const rules = [{ pattern: '*.v_proj', choice: quantize(8, 32, { method: 'refined' }) }]
    const config = { base: quantize(3, 64), rules, computeDtype: 'float16' as const }
    const line = quantizeLine(config) ?? ''
    expect(line).toContain('--config config.json')
    expect(JSON.parse(line.slice(line.indexOf('{'), line.lastIndexOf('}') + 1))).toEqual(config)
    expect(quantizeLine({ base: { kind: 'keep' }, rules, computeDtype: 'float16' })).toContain("<<'END'")
  })

  it('measure the same text in the same way, and leave out what cannot be named', () => {
    const measurements = [
      measurement('perplexity', 1),
      measurement('mean-kl', 1),
      { ...measurement('perplexity', 1), protocol: { text: 'a text of your own' } },
    ]
    const lines = commandsOf({ ...facts, config: null, measurements })
    expect(lines).toHaveLength(3)
    expect(lines[1]).toContain("compare --model /m/base --model '/m/it'\\''s' --window 512 --max-tokens 4096")
  })
})
