/** `npm run build:native`: the addon; with `-- --all` also engine-cli, native tests and benchmarks. */
import { withBuildLock } from './build-lock.mjs'
import { installDependencies } from './dependencies.mjs'
import { buildAddon, buildAllNative } from './native.mjs'
import { main } from './say.mjs'

await main(() =>
  withBuildLock(async () => {
    // The headers of Node's native API are a package.
    await installDependencies()
    await (process.argv.includes('--all') ? buildAllNative() : buildAddon())
  }),
)
