import { describe, expect, it } from 'vitest'
import { cudaChoice } from './cuda.mjs'
import { isNewEnough } from './cuda-toolchain.mjs'

describe('the choice to build for GPUs', () => {
  it('follows the driver unless it is made', () => {
    expect(cudaChoice({})).toBe('with-driver')
    expect(cudaChoice({ cuda: true })).toBe('always')
    expect(cudaChoice({ cpu: true })).toBe('never')
    expect(() => cudaChoice({ cuda: true, cpu: true })).toThrow('exclude')
  })
})

describe('a compiler of the system', () => {
  it.each([
    [[12, 8], true],
    [[13, 0], true],
    [[12, 4], false],
    [[11, 8], false],
    [undefined, false],
  ])('of version %o is new enough: %s', (version, expected) => {
    expect(isNewEnough(version)).toBe(expected)
  })
})
