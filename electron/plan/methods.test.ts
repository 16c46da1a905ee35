import { describe, expect, it } from 'vitest'
import { methodNameSchema } from '../contract/quant.ts'
import { METHODS, methodInfo } from './methods.ts'

describe('the methods people choose from', () => {
  it('are those of the contract, each with a sentence', () => {
    expect(METHODS.map(({ name }) => name)).toEqual(methodNameSchema.options)
    for (const name of methodNameSchema.options) expect(methodInfo(name).hint).toMatch(/\.$/)
  })
})
