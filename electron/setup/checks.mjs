/** Static checks: the types of each layer, lint and format. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MODULES, nodePath, ROOT } from './paths.mjs'
import { run } from './run-command.mjs'

/** One check for each project of the root tsconfig, and one for biome. Prints what fails; returns counts. */
export async function runChecks() {
  const { references } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8'))
  const tsc = join(MODULES, 'typescript', 'bin', 'tsc')
  const checks = references.map(({ path }) => ({ name: `types of ${path}`, args: [tsc, '-p', path] }))
  const biome = join(MODULES, '@biomejs', 'biome', 'bin', 'biome')
  checks.push({ name: 'lint and format', args: [biome, 'check', '--error-on-warnings', '.'] })

  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { name, args } of checks) {
    const { code, output } = await run(nodePath(), args, { quiet: true })
    if (code === 0) counts.passed++
    else {
      counts.failed++
      process.stderr.write(`${output}\nFAIL  ${name}\n`)
    }
  }
  return counts
}
