/** `npm run test:native [-- NAME]`: builds and runs the native tests, all or those whose name contains NAME. */
import { withBuildLock } from './build-lock.mjs'
import { formatCounts } from './counts.mjs'
import { installDependencies } from './dependencies.mjs'
import { buildAllNative } from './native.mjs'
import { runNativeTests } from './native-tests.mjs'
import { main } from './say.mjs'

await main(async () => {
  await withBuildLock(async () => {
    await installDependencies()
    await buildAllNative()
  })
  const counts = await runNativeTests(process.argv[2])
  process.stdout.write(`${formatCounts(counts)}\n`)
  return counts.failed > 0 || counts.passed === 0 ? 1 : 0
})
