/**
 * `npm run package [-- ELECTRON-BUILDER ARGUMENTS]`: an installable app in dist/. `-- --check` packs with a stub instead of
 * Electron's binary and only looks at the result; `--cuda` puts the GPU library in on a machine without a driver too.
 */
import { join } from 'node:path'
import { formatCounts } from './counts.mjs'
import { cudaChoice } from './cuda.mjs'
import { checkPackaging } from './packaging-check.mjs'
import { MODULES, nodePath } from './paths.mjs'
import { prepare } from './prepare.mjs'
import { run } from './run-command.mjs'
import { main, say } from './say.mjs'

await main(async () => {
  const all = process.argv.slice(2)
  const args = all.filter((arg) => arg !== '--cuda' && arg !== '--cpu')
  await prepare({ cuda: cudaChoice({ cuda: all.includes('--cuda'), cpu: all.includes('--cpu') }) })
  if (args.includes('--check')) {
    const counts = await checkPackaging()
    say(`packaging: ${formatCounts(counts)}`)
    return counts.failed > 0 ? 1 : 0
  }
  const builder = join(MODULES, 'electron-builder', 'cli.js')
  const { code } = await run(nodePath(), [builder, ...args], { inherit: true })
  return code
})
