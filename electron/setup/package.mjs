/**
 * `npm run package [-- ELECTRON-BUILDER ARGUMENTS]`: an installable app in dist/. `-- --check` packs with a stub instead of
 * Electron's binary and only looks at the result.
 */
import { join } from 'node:path'
import { formatCounts } from './counts.mjs'
import { checkPackaging } from './packaging-check.mjs'
import { MODULES, nodePath } from './paths.mjs'
import { prepare } from './prepare.mjs'
import { run } from './run-command.mjs'
import { main, say } from './say.mjs'

await main(async () => {
  await prepare()
  const args = process.argv.slice(2)
  if (args.includes('--check')) {
    const counts = await checkPackaging()
    say(`packaging: ${formatCounts(counts)}`)
    return counts.failed > 0 ? 1 : 0
  }
  const builder = join(MODULES, 'electron-builder', 'cli.js')
  const { code } = await run(nodePath(), [builder, ...args], { inherit: true })
  return code
})
