import { describe, expect, it, vi } from 'vitest'
import { addCounts, countsOf, formatCounts } from './counts.mjs'
import CountsReporter from './counts-reporter.mjs'

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
    expect(countsOf({ code, output })).toEqual({ ...expected, flaky: [] })
  })

  it('add up to a line', () => {
    const total = addCounts({ passed: 1, failed: 0, skipped: 2 }, { passed: 3, failed: 1, skipped: 0 })
    expect(formatCounts(total)).toBe('4 passed, 1 failed, 2 skipped')
  })

  it('name the tests that were tried again', () => {
    const output = 'flaky: a.test.ts > one two\n2 passed, 0 failed, 0 skipped\n'
    const counts = countsOf({ code: 0, output })
    expect(counts.flaky).toEqual(['a.test.ts > one two'])
    expect(addCounts(counts, { passed: 1, failed: 0, skipped: 0 }).flaky).toEqual(counts.flaky)
  })

  it('come from vitest with the names of those tests', () => {
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    const test = (fullName: string, state: string, flaky: boolean) => ({
      fullName,
      result: () => ({ state }),
      diagnostic: () => ({ flaky }),
    })
    const tests = [test('x > good', 'passed', false), test('x > shaky', 'passed', true), test('bad', 'failed', false)]
    const module = {
      relativeModuleId: 'a.test.ts',
      state: () => 'failed',
      errors: () => [],
      children: { allTests: () => tests },
    }
    new CountsReporter().onTestRunEnd([module], [])
    const lines = written.mock.calls.map(([line]) => line)
    written.mockRestore()
    expect(lines).toEqual(['flaky: a.test.ts > x > shaky\n', '2 passed, 1 failed, 0 skipped\n'])
  })
})
