/** `npm run check`: types of each layer, lint, format, and who may import whom. */
import { runChecks } from './checks.mjs'
import { addCounts, formatCounts } from './counts.mjs'
import { installDependencies } from './dependencies.mjs'
import { main, say } from './say.mjs'
import { runUnitTests } from './unit-tests.mjs'

await main(async () => {
  await installDependencies()
  const counts = addCounts(await runChecks(), await runUnitTests('electron/setup/layers.test.ts'))
  say(`checks: ${formatCounts(counts)}`)
  return counts.failed > 0 ? 1 : 0
})
