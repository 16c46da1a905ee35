/** Test counts of all kinds of tests: each kind ends its output with `N passed, N failed, N skipped`. */
const PATTERN = /(\d+) passed, (\d+) failed, (\d+) skipped/g

/** The counts at the end of `output`. A run that failed without counting a failure, or counted nothing, is one failure. */
export function countsOf({ code, output }) {
  const last = [...output.matchAll(PATTERN)].at(-1)
  const [passed, failed, skipped] = last ? last.slice(1).map(Number) : [0, 0, 0]
  const broken = (code !== 0 && failed === 0) || passed + failed + skipped === 0
  return { passed, failed: broken ? failed + 1 : failed, skipped }
}

export function addCounts(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

export function formatCounts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
