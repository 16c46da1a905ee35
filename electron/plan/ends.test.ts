import { describe, expect, it } from 'vitest'
import { KEEP, quantize } from './choices.ts'
import { endsLabel } from './ends.ts'
import { expertTotals } from './experts.ts'

describe('the ends of a model, in words', () => {
  const embedding = { name: 'model.embed_tokens', choice: quantize(8, 64) }

  it('names embeddings and head', () => {
    expect(endsLabel([embedding], true)).toBe('embeddings 8-bit g64, head tied to them')
    expect(endsLabel([embedding, { name: 'lm_head', choice: KEEP }], false)).toBe('embeddings 8-bit g64, head kept')
    expect(endsLabel([embedding, { name: 'lm_head', choice: KEEP }], true)).toMatch(/tied/)
    expect(endsLabel([{ name: 'blocks.0.attn.qkv', choice: KEEP }], false)).toBeNull()
  })
})

describe('experts', () => {
  it('are counted by their numbers', () => {
    const layer = (name: string) => ({ name, shape: [4, 2], bytes: 5 })
    const layers = [
      '0.moe.experts.0.w1',
      '0.moe.experts.0.w2',
      '0.moe.experts.1.w1',
      '1.moe.experts.0.w1',
      '1.moe.gate',
    ]
    expect(expertTotals(layers.map(layer))).toEqual({ count: 3, parameters: 32, bytes: 20 })
    expect(expertTotals([layer('mlp.up_proj')])).toBeNull()
  })
})
