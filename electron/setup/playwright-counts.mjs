/** Ends a playwright run with the same plain lines that the other kinds of tests end with. */
import { formatFlaky } from './counts.mjs'

export default class CountsReporter {
  counts = { passed: 0, failed: 0, skipped: 0 }
  finals = new Map()

  onTestEnd(test, _result) {
    this.finals.set(test.id, test)
  }

  /** Errors outside any test, such as a specification that does not compile. */
  onError() {
    this.counts.failed++
  }

  onEnd() {
    for (const test of this.finals.values()) {
      const outcome = test.outcome()
      if (outcome === 'skipped') this.counts.skipped++
      else if (outcome === 'unexpected') this.counts.failed++
      else this.counts.passed++
      if (outcome === 'flaky') process.stdout.write(`${formatFlaky(nameOf(test))}\n`)
    }
    const { passed, failed, skipped } = this.counts
    process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  }
}

function nameOf(test) {
  const [, project, file, ...titles] = test.titlePath()
  return `${file} (${project}) > ${titles.join(' ')}`
}
