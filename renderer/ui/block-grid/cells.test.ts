import { describe, expect, it } from 'vitest'
import type { TensorResult } from '../../../electron/contract/domain.ts'
import { KEEP, quantize, quantSpec } from '../../../electron/plan/choices.ts'
import { priceLinear } from '../../../electron/plan/resolve.ts'
import { choiceCell } from './choice-cell.ts'
import { errorCell, errorScale } from './error-cell.ts'
import { ratioCell } from './ratio-cell.ts'

const priced = (name: string, choice: Parameters<typeof priceLinear>[1]['choice']) =>
  [name, priceLinear({ name, shape: [64, 64], sourceBytes: 8192 }, { choice, decidedBy: 'base' }, 'float16')] as const
const rows = new Map([priced('a', quantize(4, 64)), priced('b', quantize(2, 16, { axis: 0 })), priced('c', KEEP)])

const result = (name: string, relativeError: number): [string, TensorResult] => [
  name,
  { name, spec: quantSpec(4, 64), meanAbsError: 0.001, relativeError, bytes: 1, seconds: 1, iterations: 20 },
]

describe('choiceCell', () => {
  it('says bits, group and effective bits, in words too', () => {
    expect(choiceCell(['a'], rows, 'light')).toMatchObject({
      text: '4 g64',
      detail: '4.50',
      words: 'a: 4-bit g64, 4.50 bits per weight',
    })
    expect(choiceCell(['b'], rows, 'light').text).toBe('2 g16 a0')
  })

  it('leaves kept and mixed cells without a colour', () => {
    expect(choiceCell(['c'], rows, 'dark')).toMatchObject({ text: 'kept', detail: '16.0', fill: null })
    expect(choiceCell(['a', 'b'], rows, 'dark')).toMatchObject({ text: 'mixed', detail: '4.25', fill: null })
  })
})

describe('errorScale', () => {
  it('spans the errors there are, logarithmically', () => {
    const scale = errorScale([0.01, 1])
    expect([scale.level(0.01), scale.level(0.1), scale.level(1), scale.level(9)]).toEqual([
      0,
      expect.closeTo(0.5),
      1,
      1,
    ])
  })

  it('does not make a pattern of nearly equal errors, nor break on none', () => {
    const scale = errorScale([0.1, 0.101])
    expect(Math.abs(scale.level(0.101) - scale.level(0.1))).toBeLessThan(0.05)
    expect(errorScale([0, Number.NaN]).level(0.5)).toBe(0)
  })
})

describe('errorCell', () => {
  const results = new Map([result('a', 0.08)])
  const options = {
    results,
    scale: errorScale([0.08]),
    theme: 'light' as const,
    isKept: (name: string) => name === 'c',
  }

  it('shows the error once it is known', () => {
    expect(errorCell(['a'], options).words).toMatch(
      /^a: relative error 8\.00.%, mean absolute error 0\.00100, 4-bit g64$/,
    )
    expect(errorCell(['b'], options)).toMatchObject({ fill: null, words: 'b: not yet' })
    expect(errorCell(['b'], { ...options, busy: 'b' })).toMatchObject({ text: 'now', isBusy: true })
    expect(errorCell(['c'], options)).toMatchObject({ text: 'kept', fill: null })
  })
})

describe('ratioCell', () => {
  it('tells better from worse in words', () => {
    const a = new Map([result('x', 0.1), result('y', 0.1)])
    const b = new Map([result('x', 0.2), result('z', 0.1)])
    expect(ratioCell(['x'], a, b, 'light')).toMatchObject({ text: '2.00×', detail: 'worse' })
    expect(ratioCell(['x'], b, a, 'light')).toMatchObject({ text: '0.500×', detail: 'better' })
    expect(ratioCell(['y'], a, b, 'light')).toMatchObject({ text: 'only A', fill: null })
    expect(ratioCell(['z'], a, b, 'light').text).toBe('only B')
    expect(ratioCell(['w'], a, b, 'light').text).toBe('kept')
  })
})
