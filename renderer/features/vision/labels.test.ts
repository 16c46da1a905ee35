import { expect, it } from 'vitest'
import { labelsIn, promptOf, scoreRows, topLabel } from './labels.ts'

it('takes labels from lines and commas, each once', () => {
  expect(labelsIn('red circle\n blue star,  red circle ;\n\n,green')).toEqual(['red circle', 'blue star', 'green'])
  expect(labelsIn(' \n')).toEqual([])
})

it('puts a label wherever the template wants it', () => {
  expect(promptOf('a {}, yes, a {}', 'cat')).toBe('a cat, yes, a cat')
})

it('sorts labels by the most that any version gives them', () => {
  const rows = scoreRows(['a', 'b', 'c'], [[0.2, 0.7, 0.1], undefined, [0.05, 0.05, 0.9]])
  expect(rows).toEqual([
    { label: 'c', shares: [0.1, null, 0.9] },
    { label: 'b', shares: [0.7, null, 0.05] },
    { label: 'a', shares: [0.2, null, 0.05] },
  ])
})

it('knows the likeliest label once there is one', () => {
  expect(topLabel(['a', 'b'], [0.3, 0.7])).toBe('b')
  expect(topLabel(['a', 'b'], undefined)).toBeNull()
})
