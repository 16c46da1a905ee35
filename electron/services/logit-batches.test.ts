import { describe, expect, it } from 'vitest'
import { batchesOf } from './logit-batches.ts'

const ids = (count: number) => Array.from({ length: count }, (_, index) => index)
/** Bytes of one window of 5 ids over 10 tokens. */
const WINDOW = 4 * 10 * 4

describe('batchesOf', () => {
  it('keeps a text whole where there is room', () => {
    const text = ids(17)
    const tasks = [1, 2].map((model) => ({ model, ids: text, window: 5 }))
    expect(batchesOf(tasks, 10, 1e6)).toEqual([[{ ids: ids(15), window: 5, begin: 0, tasks: [0, 1] }]])
  })

  it('cuts between windows, and takes one at least', () => {
    const tasks = [{ model: 1, ids: ids(17), window: 5 }]
    expect(batchesOf(tasks, 10, 2 * WINDOW).map((batch) => batch.map(({ begin }) => begin))).toEqual([[0], [10]])
    expect(batchesOf(tasks, 10, 2 * WINDOW)[0]?.[0]?.ids).toEqual(ids(10))
    expect(batchesOf(tasks, 10, 1)).toHaveLength(3)
  })

  it('gathers short texts', () => {
    const tasks = [1, 2, 3].map((model) => ({ model, ids: ids(5), window: 5 }))
    const batches = batchesOf(tasks, 10, 2 * WINDOW)
    expect(batches.map((batch) => batch.map((piece) => piece.tasks))).toEqual([[[0], [1]], [[2]]])
  })

  it('has nothing to do for texts shorter than a window', () => {
    expect(batchesOf([{ model: 1, ids: ids(4), window: 5 }], 10, 1e6)).toEqual([])
  })
})
