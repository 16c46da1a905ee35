import { describe, expect, it } from 'vitest'
import type { QuantConfig } from '../../../electron/contract/quant.ts'
import { KEEP, quantize } from '../../../electron/plan/choices.ts'
import { sampleDetail, sampleModel } from '../../testing/samples.ts'
import { changeSpec, commonChoice, keepLayers, setBits } from './choice-edits.ts'
import { parseConfig, readConfigFile } from './plan-file.ts'
import { configOf, createPlanStore } from './plan-store.ts'

const { linears } = sampleDetail(sampleModel())
const fourBit: QuantConfig = { base: quantize(4, 8), rules: [], computeDtype: 'float16' }
const up = 'model.layers.0.mlp.up_proj'
const q = 'model.layers.0.self_attn.q_proj'

function opened() {
  const store = createPlanStore()
  store.open('demo', linears, fourBit, '4-bit')
  const plan = () => {
    const found = store.state.getState().plans.demo
    if (found === undefined) throw new Error('no plan')
    return found
  }
  return { store, plan, present: () => plan().history.present }
}

describe('the plan of a model', () => {
  it('is opened once and kept', () => {
    const { store, plan } = opened()
    store.edit('demo', [up], setBits(2))
    store.open('demo', linears, fourBit, '4-bit')
    expect(plan().history.past).toHaveLength(1)
  })

  it('edits what is named, forgets the preset, and goes back and forth', () => {
    const { store, plan, present } = opened()
    expect(present().presetId).toBe('4-bit')
    store.edit('demo', [up, 'unknown'], setBits(2))
    expect(present().choices.get(up)).toEqual(quantize(2, 8))
    expect(present().choices.get(q)).toEqual(quantize(4, 8))
    expect(present().presetId).toBeNull()
    store.undo('demo')
    expect(present().choices.get(up)).toEqual(quantize(4, 8))
    expect(present().presetId).toBe('4-bit')
    store.redo('demo')
    expect(present().choices.get(up)).toEqual(quantize(2, 8))
    store.undo('demo')
    store.edit('demo', [q], keepLayers)
    expect(plan().history.future).toEqual([])
  })

  it('makes no step of an edit that changes nothing', () => {
    const { store, plan } = opened()
    store.edit('demo', [up], setBits(4))
    expect(plan().history.past).toEqual([])
  })

  it('selects, adds, toggles, and by pattern', () => {
    const { store, plan } = opened()
    store.select('demo', [up], 'replace')
    store.select('demo', [q], 'add')
    expect([...plan().selected]).toEqual([up, q])
    store.select('demo', [up], 'toggle')
    expect([...plan().selected]).toEqual([q])
    store.select('demo', [up, q], 'toggle')
    expect(plan().selected.size).toBe(2)
    expect(store.selectMatching('demo', '*.up_proj')).toBe(2)
    expect(store.selectMatching('demo', 'nothing')).toBe(0)
    expect(plan().selected.size).toBe(2)
    expect(() => store.selectMatching('demo', '{')).toThrow(expect.objectContaining({ code: 'bad-input' }))
  })

  it('becomes the shortest configuration', () => {
    const { store, present } = opened()
    store.edit('demo', [up], setBits(2))
    expect(configOf(present())).toEqual({
      base: quantize(4, 8),
      rules: [{ pattern: up, choice: quantize(2, 8) }],
      computeDtype: 'float16',
    })
  })

  it('refuses a configuration that does not suit the model and keeps the plan', () => {
    const { store, plan } = opened()
    const wrong = { ...fourBit, rules: [{ pattern: '*.fc1', choice: KEEP }] }
    expect(() => store.apply('demo', wrong, null)).toThrow(/No linear layer .* "\*\.fc1"/)
    expect(plan().history.past).toEqual([])
  })
})

describe('edits', () => {
  it('keep what they do not name', () => {
    expect(setBits(3)(quantize(4, 32, { axis: 0 }))).toEqual(quantize(3, 32, { axis: 0 }))
    expect(setBits(2)(KEEP)).toEqual(quantize(2, 16))
    expect(setBits(8)(KEEP)).toEqual(quantize(8, 64))
    expect(changeSpec({ groupSize: null })(quantize(4, 32))).toEqual(quantize(4, null))
    expect(changeSpec({ groupSize: null })(KEEP)).toBe(KEEP)
  })

  it('know what a selection agrees on', () => {
    expect(commonChoice([quantize(4, 64), quantize(4, 32)])).toMatchObject({ bits: 4, groupSize: null, axis: 1 })
    expect(commonChoice([quantize(4, null), KEEP])).toMatchObject({ bits: null, groupSize: 'channel' })
    expect(commonChoice([KEEP])).toMatchObject({ bits: 'keep', groupSize: undefined })
  })
})

describe('configuration files', () => {
  it('are read with defaults filled in', () => {
    const text = '{"base": {"kind": "quantize", "spec": {"nbits": 4, "groupSize": 64}}}'
    expect(parseConfig(text, 'c.json')).toEqual({ base: quantize(4, 64), rules: [], computeDtype: 'float16' })
  })

  it('are refused with the place that is wrong', async () => {
    expect(() => parseConfig('nope', 'c.json')).toThrow('c.json is not JSON.')
    expect(() => parseConfig('{"base": {"kind": "quantize", "spec": {"nbits": 7}}}', 'c.json')).toThrow(
      /c\.json is not a configuration: at base\.spec\.nbits/,
    )
    await expect(readConfigFile(new File(['x'.repeat(5 * 2 ** 20)], 'big.json'))).rejects.toThrow(/too large/)
  })
})
