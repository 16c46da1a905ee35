import { describe, expect, it } from 'vitest'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { sampleDetail, sampleModel } from '../../testing/samples.ts'
import { byteGroups } from './byte-groups.ts'
import { familyName, filterLibrary, libraryRows, removalOf } from './library.ts'

function version(id: string, sourceModelId: string | null, bitsPerWeight = 4): ModelSummary {
  const quantization = { label: `${bitsPerWeight}-bit`, mixed: false, bitsPerWeight, sourceModelId, method: 'hqq' }
  return sampleModel({ id, name: id, origin: 'created', quantization })
}

const order = (models: ModelSummary[]) =>
  libraryRows(models).map(({ model, depth }) => `${'-'.repeat(depth)}${model.id}`)

describe('libraryRows', () => {
  it('puts the demo first and versions below their source, most bits first', () => {
    const other = sampleModel({ id: 'a', name: 'A', origin: 'added' })
    expect(order([version('two', 'demo', 2), other, version('four', 'demo', 4), sampleModel()])).toEqual([
      'demo',
      '-four',
      '-two',
      'a',
    ])
  })

  it('shows every model once, also orphans and rings', () => {
    expect(order([version('x', 'gone'), version('y', 'z'), version('z', 'y')]).toSorted()).toHaveLength(3)
  })

  it('filters by every word', () => {
    const rows = libraryRows([sampleModel(), version('four', 'demo', 4)])
    expect(filterLibrary(rows, 'llama 4-BIT').map(({ model }) => model.id)).toEqual(['four'])
    expect(filterLibrary(rows, '  ')).toHaveLength(2)
    expect(filterLibrary(rows, 'mamba')).toHaveLength(0)
  })
})

describe('models', () => {
  it('deletes only what was made here', () => {
    expect(removalOf(sampleModel())).toBeNull()
    expect(removalOf(sampleModel({ origin: 'added' }))?.verb).toBe('Forget')
    expect(removalOf(sampleModel({ origin: 'created' }))?.verb).toBe('Delete')
  })

  it('names the family', () => {
    expect(familyName(sampleModel())).toBe('Llama')
    expect(familyName(sampleModel({ config: null }))).toBeNull()
  })

  it('groups bytes by role, largest first, and loses none', () => {
    const detail = sampleDetail(sampleModel())
    const groups = byteGroups(detail)
    expect(groups.map(({ label, count, isLinear }) => [label, count, isLinear])).toEqual([
      ['embed_tokens', 1, false],
      ['mlp.up_proj', 2, true],
      ['self_attn.q_proj', 2, true],
      ['input_layernorm', 2, false],
    ])
    const total = detail.tensors.reduce((sum, { bytes }) => sum + bytes, 0)
    expect(groups.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(total)
  })
})
