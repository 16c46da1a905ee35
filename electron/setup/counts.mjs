/**
 * Test counts of all kinds of tests: each kind ends its output with `N passed, N failed, N skipped`, after a line `flaky: NAME` for
 * each test that passed only when it was tried again.
 */
const PATTERN = /(\d+) passed, (\d+) failed, (\d+) skipped/g
const FLAKY = /^flaky: (.+)$/gm

/** The counts at the end of `output`. A run that failed without counting a failure, or counted nothing, is one failure. */
export function countsOf({ code, output }) {
  const last = [...output.matchAll(PATTERN)].at(-1)
  const [passed, failed, skipped] = last ? last.slice(1).map(Number) : [0, 0, 0]
  const broken = (code !== 0 && failed === 0) || passed + failed + skipped === 0
  const flaky = [...output.matchAll(FLAKY)].map(([, name]) => name)
  return { passed, failed: broken ? failed + 1 : failed, skipped, flaky }
}

/** `flaky` may be absent: not every kind tries again. */
export function addCounts(a, b) {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    flaky: [...(a.flaky ?? []), ...(b.flaky ?? [])],
  }
}

export function formatCounts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

export function formatFlaky(name) {
  return `flaky: ${name}`
}
