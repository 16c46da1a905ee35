/** Native tests: one executable a test file, each of which counts its own cases. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { addCounts, countsOf, formatCounts } from './counts.mjs'
import { NATIVE_BUILD, ROOT } from './paths.mjs'
import { run } from './run-command.mjs'

/** Runs those whose name contains `filter`; shows failures and skips, and one line for each executable. */
export async function runNativeTests(filter = '') {
  return runAll(namesIn('.').filter((name) => name.includes(filter)))
}

/** Those that need a GPU; where one is not found although it is there, they fail. */
export function runGpuTests() {
  return runAll(namesIn('cuda'), { HQQ_NEED_CUDA: '1' })
}

function namesIn(folder) {
  const sources = readdirSync(join(ROOT, 'native', 'tests', folder)).filter((name) => /_test\.(cpp|cu)$/.test(name))
  return sources.map((name) => name.replace(/\.\w+$/, ''))
}

async function runAll(names, env = {}) {
  let total = { passed: 0, failed: 0, skipped: 0 }
  for (const name of names.sort()) {
    const counts = await runOne(name, env)
    process.stderr.write(`${name}: ${formatCounts(counts)}\n`)
    total = addCounts(total, counts)
  }
  return total
}

async function runOne(name, env) {
  const executable = join(NATIVE_BUILD, name)
  if (!existsSync(executable)) {
    process.stderr.write(`FAIL  ${name}: not built\n`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const result = await run(executable, [], { quiet: true, env })
  const counts = countsOf(result)
  const shown = result.output.split('\n').filter((line) => /^(FAIL|SKIP)/.test(line))
  // A crash has no FAIL line: then all that it said matters.
  if (counts.failed > 0 && !shown.some((line) => line.startsWith('FAIL'))) process.stderr.write(result.output)
  for (const line of shown) process.stderr.write(`${line}\n`)
  return counts
}
