import { describe, expect, it } from 'vitest'
import type { Choice } from '../contract/quant.ts'
import type { LayerSensitivity, SensitivityTable } from '../contract/sensitivity.ts'
import { type BudgetProblem, frontier, optimize, uniformPlans } from './budget.ts'
import { candidatesFor, probeOf } from './candidates.ts'
import { KEEP, quantize } from './choices.ts'
import { calibrate, perplexityRatio, predictLayer, predictQuality, sensitivityByName } from './predict.ts'

const LAYERS = Array.from({ length: 12 }, (_, index) => ({
  name: `model.layers.${Math.floor(index / 2)}.${index % 2 === 0 ? 'self_attn.q_proj' : 'mlp.up_proj'}`,
  shape: (index % 2 === 0 ? [256, 256] : [1024, 256]) as [number, number],
}))

/** Small attention matrices matter as much as large ones, and the first blocks most. */
function layerOf(name: string, shape: [number, number], index: number): LayerSensitivity {
  const specs = candidatesFor(name, shape, 'float16')
  const weight = 10 / (index + 1)
  const candidates = specs.map((spec) => {
    const weightedError = 4 ** -spec.nbits * Math.sqrt((spec.groupSize ?? 1024) / 64)
    return { spec, weightedError, relativeError: Math.sqrt(weightedError), bytes: 0, seconds: 0.1 }
  })
  const probe = probeOf(specs)
  return { name, divergence: weight * (candidates[probe]?.weightedError ?? 0), probe, candidates }
}

const table: SensitivityTable = {
  request: { modelId: 'm', computeDtype: 'float16', seed: 0, tokens: 1024 },
  source: 's',
  engineVersion: '1',
  at: '',
  seconds: 1,
  tokens: 1024,
  meanNll: 2,
  layers: LAYERS.map(({ name, shape }, index) => layerOf(name, shape, index)),
}

const problem: BudgetProblem = {
  model: {
    linears: [...LAYERS, { name: 'lm_head', shape: [512, 256] as [number, number] }].map((linear) => ({
      ...linear,
      block: 0,
      tag: '',
      sourceBytes: linear.shape[0] * linear.shape[1] * 2,
      sourceDtype: 'bfloat16',
      quantized: null,
    })),
    tensors: [],
    otherBytes: 0,
    summary: { config: null },
  },
  table,
  computeDtype: 'float16',
  situation: { contextLength: 128, machine: null },
}

describe('candidates', () => {
  it('have metadata of 8 bits where the layer allows it, rise in cost, and hold the probe', () => {
    const specs = candidatesFor('x', [192, 576], 'float16')
    expect(specs.length).toBeGreaterThan(8)
    expect(
      specs.every(({ quantScale, groupSize }) => !quantScale || ((192 * 576) / (groupSize ?? 1)) % 128 === 0),
    ).toBe(true)
    expect(specs[probeOf(specs)]).toMatchObject({ nbits: 3, groupSize: 64, quantZero: false })
    expect(candidatesFor('x', [10, 7], 'float16')).toEqual([])
  })
})

describe('a budget', () => {
  it('is kept, used up, and better spent than evenly', () => {
    for (const bits of [2.5, 3, 3.5, 4]) {
      const found = optimize(problem, { kind: 'bits', value: bits })
      expect(found.bitsPerWeight).toBeLessThanOrEqual(bits)
      expect(found.bitsPerWeight).toBeGreaterThan(bits - 0.12)
      for (const { label, result } of uniformPlans(problem)) {
        if (result.bitsPerWeight > bits) continue
        expect(found.quality.divergence, label).toBeLessThanOrEqual(result.quality.divergence)
      }
    }
  })

  it('can be a file or memory, and leaves the head and pinned layers alone', () => {
    const pinned = new Map<string, Choice>([
      [LAYERS[0]?.name ?? '', quantize(8, 64)],
      [LAYERS[1]?.name ?? '', KEEP],
    ])
    const free = optimize({ ...problem, pinned }, { kind: 'bits', value: 6 })
    for (const kind of ['file', 'memory'] as const) {
      const value = kind === 'file' ? free.fileBytes : free.memoryBytes
      const found = optimize({ ...problem, pinned }, { kind, value })
      expect(kind === 'file' ? found.fileBytes : found.memoryBytes).toBeLessThanOrEqual(value)
      for (const [name, choice] of pinned) expect(found.choices.get(name)).toEqual(choice)
      expect(found.choices.get('lm_head')).toEqual(KEEP)
    }
  })

  it('that is too small is refused with what is needed', () => {
    expect(() => optimize(problem, { kind: 'bits', value: 1 })).toThrow(/1\.00 bits per weight is too little.*2\.\d/)
  })

  it('has a frontier that falls from the fewest bits to the most', () => {
    const best = frontier(problem, 'bits', 8)
    expect(best).toHaveLength(9)
    best.slice(1).forEach((result, index) => {
      expect(result.quality.divergence).toBeLessThanOrEqual((best[index]?.quality.divergence ?? 0) * (1 + 1e-9))
    })
    expect(best.at(-1)?.bitsPerWeight).toBeGreaterThan(8)
  })
})

describe('predictions', () => {
  const layers = sensitivityByName(table)
  const [first] = table.layers

  it('are what was measured where it was, and worked out from it elsewhere', () => {
    if (first === undefined) throw new Error('the table has layers')
    const probe = first.candidates[first.probe]
    if (probe === undefined) throw new Error('the probe is a candidate')
    const exact = predictLayer(first, { kind: 'quantize', spec: probe.spec })
    expect(exact.divergence).toBeCloseTo(first.divergence, 12)
    expect(exact.extrapolated).toBe(false)
    const worse = predictLayer(first, quantize(3, 64, { method: 'rtn' }))
    expect(worse.extrapolated).toBe(true)
    expect(worse.divergence).toBeGreaterThan(exact.divergence)
    expect(predictLayer(first, quantize(1, 64, { method: 'self-compensated' })).divergence).toBeGreaterThan(
      exact.divergence,
    )
    expect(predictLayer(first, KEEP).divergence).toBe(0)
  })

  it('add up, and say what they do not know', () => {
    const quality = predictQuality(
      [['lm_head', quantize(4, 64)], ...LAYERS.map(({ name }) => [name, quantize(3, 64, { method: 'auto' })] as const)],
      layers,
    )
    expect(quality.divergence).toBeCloseTo(
      table.layers.reduce((sum, { divergence }) => sum + divergence, 0),
      9,
    )
    expect(quality).toMatchObject({ extrapolated: 0, unknown: 1 })
  })

  it('learn from versions that were measured', () => {
    expect(calibrate([])).toMatchObject({ spread: null, runs: 0 })
    const calibration = calibrate([
      { divergence: 0.2, perplexityRatio: Math.exp(0.1) },
      { divergence: 0.8, perplexityRatio: Math.exp(0.4) },
    ])
    expect(calibration.share).toBeCloseTo(0.5, 9)
    expect(calibration.spread).toBeCloseTo(1, 9)
    expect(perplexityRatio({ divergence: 0.4, extrapolated: 0, unknown: 0 }, calibration)).toBeCloseTo(Math.exp(0.2), 9)
  })
})
