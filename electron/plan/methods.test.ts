import { describe, expect, it } from 'vitest'
import { methodChoiceSchema } from '../contract/quant.ts'
import { METHODS, methodFor, methodInfo } from './methods.ts'

describe('the methods people choose from', () => {
  it('are those of the contract, each with a sentence', () => {
    expect(METHODS.map(({ name }) => name)).toEqual(methodChoiceSchema.options)
    for (const name of methodChoiceSchema.options) expect(methodInfo(name).hint).toMatch(/\.$/)
  })

  it('chosen by bit width, as far as the model can be measured', () => {
    expect(methodFor({ nbits: 8, method: 'auto' }, true)).toBe('hqq')
    expect(methodFor({ nbits: 4, method: 'auto' }, true)).toBe('self')
    expect(methodFor({ nbits: 3, method: 'auto' }, true)).toBe('self-compensated')
    expect(methodFor({ nbits: 2, method: 'auto' }, false)).toBe('refined')
    expect(methodFor({ nbits: 2, method: 'rtn' }, true)).toBe('rtn')
  })
})
