import { describe, expect, it } from 'vitest'
import { addCounts, countsOf, formatCounts } from './counts.mjs'

describe('counts of a test run', () => {
  it.each([
    ['success', 0, 'ok a\n3 passed, 0 failed, 1 skipped\n', { passed: 3, failed: 0, skipped: 1 }],
    ['failures', 1, '2 passed, 1 failed, 0 skipped\n', { passed: 2, failed: 1, skipped: 0 }],
    [
      'the last line of several',
      0,
      '1 passed, 0 failed, 0 skipped\n4 passed, 0 failed, 0 skipped',
      { passed: 4, failed: 0, skipped: 0 },
    ],
    ['a crash before the end', 139, 'ok a\n', { passed: 0, failed: 1, skipped: 0 }],
    ['a failure that was not counted', 1, '2 passed, 0 failed, 0 skipped\n', { passed: 2, failed: 1, skipped: 0 }],
    ['a run of nothing', 0, '0 passed, 0 failed, 0 skipped\n', { passed: 0, failed: 1, skipped: 0 }],
  ])('are read from %s', (_what, code, output, expected) => {
    expect(countsOf({ code, output })).toEqual(expected)
  })

  it('add up to a line', () => {
    const total = addCounts({ passed: 1, failed: 0, skipped: 2 }, { passed: 3, failed: 1, skipped: 0 })
    expect(formatCounts(total)).toBe('4 passed, 1 failed, 2 skipped')
  })
})
