import { expect, it } from 'vitest'
import type { AccuracyResult, PictureResult } from '../../../electron/contract/vision.ts'
import { answerRows, changedIn } from './answers.ts'

function result(...pictures: [image: string, answer: string][]): AccuracyResult {
  const results = pictures.map(
    ([image, answer]): PictureResult => ({
      ...{ image, question: null, expected: 'a', answer },
      ...{ rank: answer === 'a' ? 1 : 2, correct: answer === 'a' },
    }),
  )
  const top1 = results.filter(({ correct }) => correct).length / results.length
  return {
    ...{ kind: 'labels', top1, top5: 1, total: results.length, results, problems: [] },
    ...{ protocol: {}, protocolKey: 'k', seconds: 1 },
  }
}

it('puts pictures whose answer changed first, then wrong ones, and keeps the order otherwise', () => {
  const original = result(['1', 'a'], ['2', 'b'], ['3', 'a'], ['4', 'a'])
  const small = result(['1', 'a'], ['2', 'b'], ['3', 'c'], ['4', 'a'])
  const rows = answerRows([original, small])
  expect(rows.map(({ image, changed, wrong }) => [image, changed, wrong])).toEqual([
    ['3', true, 1],
    ['2', false, 2],
    ['1', false, 0],
    ['4', false, 0],
  ])
  expect([changedIn(rows, 0), changedIn(rows, 1)]).toEqual([0, 1])
})

it('counts no change where a version has no answer', () => {
  const rows = answerRows([result(['1', 'a']), undefined, result(['1', 'b'])])
  expect(rows[0]?.answers.map((one) => one?.answer ?? null)).toEqual(['a', null, 'b'])
  expect([changedIn(rows, 1), changedIn(rows, 2)]).toEqual([0, 1])
})

it('keeps several questions about one picture apart', () => {
  const [asked] = result(['1', 'a']).results
  const both = {
    ...result(),
    results: [{ ...asked, question: 'x' } as PictureResult, { ...asked, question: 'y' } as PictureResult],
  }
  expect(answerRows([both]).map(({ question }) => question)).toEqual(['x', 'y'])
})
