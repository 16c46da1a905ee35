import { describe, expect, it } from 'vitest'
import type { CompareRow, Measurement } from '../../../electron/contract/domain.ts'
import { STANDARD_PERPLEXITY } from '../../../electron/plan/standard-measure.ts'
import { familyOf, sourcesOf } from '../../client/families.ts'
import { sampleModel } from '../../testing/samples.ts'
import { rowsToCsv, rowsToJson } from './export-rows.ts'
import { choiceLike, measuredMemory, measurementOf, protocolsOf, protocolWords } from './rows.ts'
import { layOutScatter, logTicks } from './scatter-layout.ts'

const parts = { weights: 100, metadata: 10, kvCache: 5, scratch: 3, other: 2 }

function measurement(changes: Partial<Measurement> = {}): Measurement {
  return {
    id: 'm',
    modelId: 'demo',
    metric: 'perplexity',
    value: 24.1,
    unit: 'perplexity',
    protocolKey: 'windows/512',
    protocol: { protocol: 'windows', window: 512, textSha256: 'abc', tokens: 19929 },
    memory: null,
    seconds: 1,
    engineVersion: '1',
    at: '2026-01-01T00:00:00Z',
    ...changes,
  }
}

function row(id: string, measurements: Measurement[], changes: Partial<CompareRow> = {}): CompareRow {
  return {
    model: sampleModel({ id, name: `Model "${id}"` }),
    role: 'quantized',
    predicted: parts,
    contextLength: 1024,
    measurements,
    quantizeSeconds: 2,
    meanRelativeError: 0.1,
    tensors: [],
    ...changes,
  }
}

describe('protocols', () => {
  const hqq = { protocolKey: 'hqq/1024', protocol: { protocol: 'hqq', window: 1024 } }
  const rows = [row('a', [measurement(), measurement({ ...hqq, value: 20 })]), row('b', [measurement({ value: 30 })])]

  it('are listed with how many versions have them', () => {
    expect(protocolsOf(rows, 'perplexity').map(({ key, versions }) => [key, versions])).toEqual([
      ['windows/512', 2],
      ['hqq/1024', 1],
    ])
    expect(protocolsOf(rows, 'decode-speed')).toEqual([])
  })

  it('are never mixed', () => {
    expect(rows.map((one) => measurementOf(one, 'perplexity', 'hqq/1024')?.value)).toEqual([20, undefined])
    expect(rows.map((one) => measurementOf(one, 'perplexity', null))).toEqual([null, null])
  })

  it('give the newest number', () => {
    const newer = measurement({ value: 25, at: '2026-02-01T00:00:00Z' })
    expect(measurementOf(row('a', [newer, measurement()]), 'perplexity', 'windows/512')?.value).toBe(25)
  })

  it('are told apart in words, without hashes', () => {
    expect(protocolWords(measurement())).toBe('windows · window 512 · tokens 19929')
    expect(protocolWords(measurement({ protocol: {} }))).toBe('windows/512')
  })
})

describe('measuring like the others', () => {
  const option = (protocol: Measurement['protocol']) => ({ key: 'k', words: '', versions: 1, protocol })

  it('repeats what they were measured with', () => {
    const record = { protocol: 'hqq', window: 1024, stride: 512, streamTokens: 20_000, text: 'bundled' }
    expect(choiceLike(option(record))).toEqual({ protocol: 'hqq', window: 1024, stride: 512, maxTokens: 20_000 })
    expect(choiceLike(option({ ...record, protocol: 'windows', stride: null }))).toMatchObject({ stride: 1024 })
  })

  it('falls back to the standard for other texts and for nothing', () => {
    expect(choiceLike(undefined)).toBe(STANDARD_PERPLEXITY)
    expect(choiceLike(option({ protocol: 'hqq', window: 1024, text: 'mine.txt' }))).toBe(STANDARD_PERPLEXITY)
  })
})

describe('memory', () => {
  it('is that of the newest measurement that recorded it', () => {
    const old = measurement({ memory: parts })
    const recent = measurement({ memory: { ...parts, weights: 99 }, at: '2026-02-01T00:00:00Z' })
    const latest = measurement({ at: '2026-03-01T00:00:00Z' })
    expect(measuredMemory(row('a', [old, recent, latest]))?.parts.weights).toBe(99)
    expect(measuredMemory(row('a', [latest]))).toBeNull()
  })
})

describe('families', () => {
  const quantization = (sourceModelId: string | null) => ({
    label: '4-bit g64',
    mixed: false,
    bitsPerWeight: 4.5,
    sourceModelId,
    method: 'hqq',
  })
  const models = [
    sampleModel({ id: 'a' }),
    sampleModel({ id: 'a4', quantization: quantization('a') }),
    sampleModel({ id: 'orphan', quantization: quantization('gone') }),
    sampleModel({ id: 'foreign', quantization: quantization(null) }),
  ]

  it('are an original and what was made from it', () => {
    expect(sourcesOf(models).map(({ id }) => id)).toEqual(['a', 'orphan', 'foreign'])
    expect(familyOf(models, 'a4')?.id).toBe('a')
    expect(familyOf(models, 'orphan')?.id).toBe('orphan')
    expect(familyOf(models, undefined)).toBeUndefined()
  })
})

describe('exports', () => {
  it('write one CSV line per measurement, quoted where needed', () => {
    const rows = [row('a', [measurement({ memory: parts }), measurement({ metric: 'decode-speed' })]), row('b', [])]
    const lines = rowsToCsv(rows).trimEnd().split('\r\n')
    expect(lines).toHaveLength(4)
    const columns = lines[0]?.split(',').length
    for (const line of lines) expect(line.replaceAll(/"[^"]*("")?[^"]*"/g, 'x').split(',')).toHaveLength(columns ?? 0)
    expect(lines[1]).toMatch(/^"Model ""a""",quantized,/)
    expect(lines[1]).toContain('perplexity,24.1,perplexity,windows/512,100,10,5,3,2')
  })

  it('write JSON that says what it is', () => {
    expect(JSON.parse(rowsToJson([row('a', [])]))).toMatchObject({ format: 'hqq-studio-comparison', version: 1 })
  })
})

describe('the perplexity chart', () => {
  const box = { width: 500, height: 280, left: 48, right: 12, top: 12, bottom: 40 }
  const point = (id: string, bytes: number, perplexity: number, isOriginal = false) => ({
    id,
    label: id,
    bytes,
    perplexity,
    isOriginal,
  })

  it('puts everything inside its box, smaller and better towards the lower left', () => {
    const { points, originalY } = layOutScatter(
      [point('original', 28e6, 24, true), point('4-bit', 10e6, 25), point('2-bit', 9e6, 193)],
      box,
    )
    for (const { x, y } of points) {
      expect(x).toBeGreaterThanOrEqual(box.left)
      expect(x).toBeLessThanOrEqual(box.width - box.right)
      expect(y).toBeGreaterThanOrEqual(box.top)
      expect(y).toBeLessThanOrEqual(box.height - box.bottom)
    }
    const [original, four, two] = points
    expect(original?.x).toBeGreaterThan(four?.x ?? 0)
    expect(two?.y).toBeLessThan(four?.y ?? 0)
    expect(originalY).toBe(original?.y)
  })

  it('keeps labels of neighbours apart', () => {
    const { points } = layOutScatter([point('first', 10e6, 25), point('second', 10.2e6, 25.1)], box)
    const [first, second] = points
    const apart = first?.anchor !== second?.anchor || Math.abs((first?.labelY ?? 0) - (second?.labelY ?? 0)) >= 14
    expect(apart).toBe(true)
  })

  it('survives a single point', () => {
    const { points, yTicks } = layOutScatter([point('one', 1, 24)], box)
    expect(points[0]?.y).toBeGreaterThan(0)
    expect(yTicks.length).toBeGreaterThan(0)
  })

  it.each([
    [22, 60],
    [20, 250],
    [5, 20_000],
    [24, 24.9],
  ])('has at least two round ticks between %f and %f', (low, high) => {
    const ticks = logTicks(low, high)
    expect(ticks.length).toBeGreaterThanOrEqual(2)
    for (const tick of ticks) {
      expect(tick).toBeGreaterThanOrEqual(low)
      expect(tick).toBeLessThanOrEqual(high)
    }
  })
})
