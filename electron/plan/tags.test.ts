import { describe, expect, it } from 'vitest'
import { blockIndex, byPosition, keptByDefault, linearTag, splitAtBlock } from './tags.ts'

describe('names of linear layers', () => {
  it.each([
    ['model.layers.3.mlp.up_proj', 'mlp.up_proj', 3],
    ['lm_head', 'lm_head', null],
    ['model.layers.0.block_sparse_moe.experts.7.w1', 'block_sparse_moe.experts.w1', 0],
    ['vision_model.encoder.layers.2.mlp.fc1', 'vision_model.encoder.mlp.fc1', 2],
    ['blocks.11.attn.qkv', 'attn.qkv', 11],
    ['model', 'model', null],
  ])('%s', (name, tag, block) => {
    expect(linearTag(name)).toBe(tag)
    expect(blockIndex(name)).toBe(block)
  })

  it('splits around the block index', () => {
    expect(splitAtBlock('model.layers.3.mlp.up_proj')).toEqual({ prefix: 'model.layers.', suffix: '.mlp.up_proj' })
    expect(splitAtBlock('3.mlp')).toEqual({ prefix: '', suffix: '.mlp' })
    expect(splitAtBlock('layers.0.experts.7')).toEqual({ prefix: 'layers.', suffix: '.experts.7' })
    expect(splitAtBlock('lm_head')).toBeNull()
  })

  it('keeps heads and routers unless a rule names them', () => {
    expect(keptByDefault('lm_head')).toBe(true)
    expect(keptByDefault('model.layers.0.block_sparse_moe.gate')).toBe(true)
    expect(keptByDefault('model.layers.0.mlp.gate_proj')).toBe(false)
  })

  it('stand in the order of computation, whatever the order of the file', () => {
    const names = [
      'lm_head',
      'model.layers.10.self_attn.q_proj',
      'model.layers.2.moe.experts.10.w1',
      'model.layers.2.moe.experts.2.w1',
      'model.layers.2.mlp.down_proj',
      'model.layers.2.mlp.gate_proj',
      'model.layers.2.self_attn.v_proj',
      'model.layers.2.self_attn.q_proj',
    ]
    const positions = names.map((name) => ({ name, block: blockIndex(name), tag: linearTag(name) }))
    expect(positions.sort(byPosition).map(({ name }) => name)).toEqual([
      'model.layers.2.self_attn.q_proj',
      'model.layers.2.self_attn.v_proj',
      'model.layers.2.mlp.gate_proj',
      'model.layers.2.moe.experts.2.w1',
      'model.layers.2.moe.experts.10.w1',
      'model.layers.2.mlp.down_proj',
      'model.layers.10.self_attn.q_proj',
      'lm_head',
    ])
  })
})
