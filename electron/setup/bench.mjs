/**
 * `npm run bench [-- NAME [ARGUMENTS]]`: builds and runs the native benchmarks, all or the one called bench_NAME. Two names are of
 * others: `window` measures the frame rates of the window in Chromium, `download` the speed of downloads against curl's.
 */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { runBrowserTests } from './browser-tests.mjs'
import { withBuildLock } from './build-lock.mjs'
import { buildBundles } from './bundles.mjs'
import { installDependencies } from './dependencies.mjs'
import { buildAllNative } from './native.mjs'
import { NATIVE_BUILD, nodePath, ROOT } from './paths.mjs'
import { prepare } from './prepare.mjs'
import { run } from './run-command.mjs'
import { main, SetupError } from './say.mjs'

await main(async () => {
  const [wanted, ...args] = process.argv.slice(2)
  if (wanted === 'window') return measureWindow(args)
  return wanted === 'download' ? measureDownload(args) : runNative(wanted, args)
})

async function measureDownload(args) {
  await withBuildLock(async () => {
    await installDependencies()
    await buildBundles()
  })
  const script = join(ROOT, 'electron', 'hub', 'bench', 'download.ts')
  const { code } = await run(nodePath(), [script, ...args], { inherit: true })
  return code
}

async function measureWindow(args) {
  await prepare()
  const { failed } = await runBrowserTests(args, join('e2e', 'perf', 'playwright.config.ts'))
  return failed > 0 ? 1 : 0
}

async function runNative(wanted, args) {
  await withBuildLock(async () => {
    await installDependencies()
    await buildAllNative()
  })
  const all = readdirSync(join(ROOT, 'native', 'tests'))
    .filter((file) => /^bench_.*\.cpp$/.test(file))
    .map((file) => basename(file, '.cpp'))
  const chosen = wanted === undefined ? all : all.filter((name) => name === `bench_${wanted}`)
  if (chosen.length === 0) {
    throw new SetupError(
      `There is no benchmark ${wanted}; there are ${all.map((name) => name.slice(6)).join(', ')}, window and download.`,
    )
  }
  for (const name of chosen) {
    const { code } = await run(join(NATIVE_BUILD, name), args, { inherit: true })
    if (code !== 0) return code
  }
}
