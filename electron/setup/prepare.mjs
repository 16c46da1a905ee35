/** All that has to be there before a host can run. Each step is skipped when it is up to date. */
import { withBuildLock } from './build-lock.mjs'
import { buildBundles, buildRenderer } from './bundles.mjs'
import { installDependencies } from './dependencies.mjs'
import { buildAddon, buildAllNative } from './native.mjs'

/** `window: false` leaves the renderer out (command line); `nativeTests` builds all native targets. */
export async function prepare({ window = true, nativeTests = false } = {}) {
  await withBuildLock(async () => {
    await installDependencies()
    await (nativeTests ? buildAllNative() : buildAddon())
    await buildBundles()
    if (window) await buildRenderer()
  })
}
