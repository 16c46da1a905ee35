/** `npm run build`: the JavaScript bundles alone. */
import { withBuildLock } from './build-lock.mjs'
import { buildBundles, buildRenderer } from './bundles.mjs'
import { installDependencies } from './dependencies.mjs'
import { main } from './say.mjs'

await main(() =>
  withBuildLock(async () => {
    await installDependencies()
    await buildBundles()
    await buildRenderer()
  }),
)
