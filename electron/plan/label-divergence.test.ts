import { expect, it } from 'vitest'
import { labelKl, summarizeLabelDivergence } from './label-divergence.ts'

it('is the KL divergence of two softmaxes, also of logits that would overflow', () => {
  // p = (1/2, 1/2), q = (3/4, 1/4): ln(2/3) / 2 + ln(2) / 2
  expect(labelKl([0, 0], [Math.log(3), 0])).toBeCloseTo(0.5 * Math.log(2 / 3) + 0.5 * Math.log(2), 12)
  expect(labelKl([2000, 2000], [2000 + Math.log(3), 2000])).toBeCloseTo(0.143841, 6)
  expect(labelKl([1.5, -3, 70], [1.5, -3, 70])).toBe(0)
})

it('sums up pictures', () => {
  const pictures = Array.from({ length: 100 }, (_, at) => ({ kl: at / 100, sameTop: at < 75 }))
  expect(summarizeLabelDivergence(pictures)).toEqual({
    pictures: 100,
    meanKl: expect.closeTo(0.495, 9),
    p99Kl: expect.closeTo(0.9801, 9),
    topAgreement: 0.75,
  })
  expect(summarizeLabelDivergence([])).toBeNull()
})
