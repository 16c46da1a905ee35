/** Native tests: one executable a test file, each of which counts its own cases. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { addCounts, countsOf, formatCounts } from './counts.mjs'
import { NATIVE_BUILD, ROOT } from './paths.mjs'
import { run } from './run-command.mjs'

/** Runs those whose name contains `filter`; shows failures and skips, and one line for each executable. */
export async function runNativeTests(filter = '') {
  const sources = readdirSync(join(ROOT, 'native', 'tests')).filter((name) => name.endsWith('_test.cpp'))
  const names = sources.map((name) => basename(name, '.cpp')).filter((name) => name.includes(filter))
  let total = { passed: 0, failed: 0, skipped: 0 }
  for (const name of names.sort()) {
    const counts = await runOne(name)
    process.stderr.write(`${name}: ${formatCounts(counts)}\n`)
    total = addCounts(total, counts)
  }
  return total
}

async function runOne(name) {
  const executable = join(NATIVE_BUILD, name)
  if (!existsSync(executable)) {
    process.stderr.write(`FAIL  ${name}: not built\n`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const result = await run(executable, [], { quiet: true })
  const counts = countsOf(result)
  const shown = result.output.split('\n').filter((line) => /^(FAIL|SKIP)/.test(line))
  // A crash has no FAIL line: then all that it said matters.
  if (counts.failed > 0 && !shown.some((line) => line.startsWith('FAIL'))) process.stderr.write(result.output)
  for (const line of shown) process.stderr.write(`${line}\n`)
  return counts
}
