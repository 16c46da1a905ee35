import { describe, expect, it } from 'vitest'
import { compileGlob, globOfNames } from './glob.ts'

const name = 'model.layers.12.self_attn.q_proj'

describe('compileGlob', () => {
  it.each([
    ['*', true],
    ['*.q_proj', true],
    ['model.layers.*.self_attn.*', true],
    ['model.layers.1?.*', true],
    ['model.layers.?.*', false],
    ['model.layers.{3,12}.*_proj', true],
    ['model.layers.{3,1}.*', false],
    ['*.{q,k}_proj', true],
    ['q_proj', false],
    ['model.layers.12.self_attn.q_proj', true],
    ['model.layers.12.self_attn.q_proj.weight', true],
    ['modelxlayers.12.self_attn.q_proj', false],
    ['*.Q_proj', false],
  ])('%s', (pattern, expected) => {
    expect(compileGlob(pattern)(name)).toBe(expected)
  })

  it('takes characters that are special in regular expressions as themselves', () => {
    expect(compileGlob('a(b)[c]+$^|\\')('a(b)[c]+$^|\\')).toBe(true)
    expect(compileGlob('a+')('aa')).toBe(false)
  })

  it.each(['{a', 'a}', '{a{b}}'])('refuses unpaired braces: %s', (pattern) => {
    expect(() => compileGlob(pattern)).toThrow(expect.objectContaining({ code: 'bad-input' }))
  })
})

describe('globOfNames', () => {
  it('needs braces only for several names', () => {
    expect(globOfNames('layers.', ['3'], '.up')).toBe('layers.3.up')
    expect(globOfNames('layers.', ['3', '5'], '.up')).toBe('layers.{3,5}.up')
  })
})
