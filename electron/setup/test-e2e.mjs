/** `npm run e2e [-- PLAYWRIGHT ARGUMENTS]`: the browser tests alone. */
import { runBrowserTests } from './browser-tests.mjs'
import { formatCounts } from './counts.mjs'
import { prepare } from './prepare.mjs'
import { main } from './say.mjs'

await main(async () => {
  await prepare()
  const counts = await runBrowserTests(process.argv.slice(2))
  process.stdout.write(`${formatCounts(counts)}\n`)
  return counts.failed > 0 || counts.passed === 0 ? 1 : 0
})
