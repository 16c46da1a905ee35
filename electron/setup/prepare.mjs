/** All that has to be there before a host can run. Each step is skipped when it is up to date. */
import { withBuildLock } from './build-lock.mjs'
import { buildBundles, buildRenderer } from './bundles.mjs'
import { prepareCuda } from './cuda.mjs'
import { installDependencies } from './dependencies.mjs'
import { buildAddon, buildAllNative } from './native.mjs'

/**
 * `window: false` leaves the renderer out (command line); `nativeTests` builds all native targets; `cuda` is a choice of
 * `cudaChoice`.
 */
export async function prepare({ window = true, nativeTests = false, cuda } = {}) {
  await withBuildLock(async () => {
    await installDependencies()
    await (nativeTests ? buildAllNative() : buildAddon())
    await prepareCuda(cuda)
    await buildBundles()
    if (window) await buildRenderer()
  })
}
