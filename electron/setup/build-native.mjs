/**
 * `npm run build:native`: the addon, and the library for GPUs where a driver is; with `-- --all` also engine-cli, native tests
 * and benchmarks; `--cuda` and `--cpu` as in `npm start`.
 */
import { withBuildLock } from './build-lock.mjs'
import { cudaChoice, prepareCuda } from './cuda.mjs'
import { installDependencies } from './dependencies.mjs'
import { buildAddon, buildAllNative } from './native.mjs'
import { main } from './say.mjs'

const options = process.argv.slice(2)

await main(() =>
  withBuildLock(async () => {
    // The headers of Node's native API are a package.
    await installDependencies()
    await (options.includes('--all') ? buildAllNative() : buildAddon())
    await prepareCuda(cudaChoice({ cuda: options.includes('--cuda'), cpu: options.includes('--cpu') }))
  }),
)
