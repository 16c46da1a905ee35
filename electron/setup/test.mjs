/** `npm test`: sets up what is missing and runs all tests. The last line sums them up; any failure, or no test, is exit code 1. */
import { runBrowserTests } from './browser-tests.mjs'
import { withBuildLock } from './build-lock.mjs'
import { runChecks } from './checks.mjs'
import { addCounts, formatCounts, formatFlaky } from './counts.mjs'
import { checkCudaBuild, hasGpu } from './cuda.mjs'
import { runGpuTests, runNativeTests } from './native-tests.mjs'
import { checkPackaging } from './packaging-check.mjs'
import { prepare } from './prepare.mjs'
import { main, SetupError, say } from './say.mjs'
import { runUnitTests } from './unit-tests.mjs'

const KINDS = [
  ['checks', runChecks],
  ['unit tests', () => runUnitTests()],
  ['native tests', () => runNativeTests()],
  ['CUDA build', () => withBuildLock(checkCudaBuild)],
  ...(hasGpu() ? [['GPU tests', runGpuTests]] : []),
  ['packaging', checkPackaging],
  ['browser tests', () => runBrowserTests()],
]

await main(async () => {
  let total = { passed: 0, failed: 0, skipped: 0, flaky: [] }
  const summary = []
  try {
    await prepare({ nativeTests: true })
    for (const [name, runKind] of KINDS) {
      say(`running ${name}`)
      const started = performance.now()
      const counts = await runKind()
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      summary.push(`${name}: ${formatCounts(counts)} (${seconds} s)`)
      total = addCounts(total, counts)
    }
  } catch (error) {
    // What could not be set up or run counts as one failure, so that the last line tells of it.
    say(error instanceof SetupError ? error.message : error.stack)
    total.failed++
  }
  for (const name of total.flaky) process.stdout.write(`${formatFlaky(name)}\n`)
  for (const line of summary) process.stdout.write(`${line}\n`)
  process.stdout.write(`${formatCounts(total)}\n`)
  return total.failed > 0 || total.passed === 0 ? 1 : 0
})
