/** JavaScript that is run: the Node bundles (rolldown) and the window (vite), both into out/. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { MODULES, nodePath, OUT, packageJson, ROOT } from './paths.mjs'
import { mustRun } from './run-command.mjs'
import { say } from './say.mjs'
import { unlessUpToDate } from './stamp.mjs'

const isTest = (file) => /\.test\.tsx?$/.test(file)

export async function buildBundles() {
  await unlessUpToDate(
    {
      name: 'node-bundles',
      inputs: ['electron', 'rolldown.config.mjs', 'package-lock.json'],
      texts: [packageJson().version],
      ignore: (file) => isTest(file) || file.startsWith(join('electron', 'setup')),
      outputs: ['main.js', 'preload.cjs', 'web.js', 'cli.js', 'worker.js', 'tokenizer.js', 'mover.js'].map((name) =>
        join(OUT, name),
      ),
    },
    async () => {
      say('bundling the app')
      rmSync(join(OUT, 'chunks'), { recursive: true, force: true })
      const rolldown = join(MODULES, 'rolldown', 'bin', 'cli.mjs')
      await mustRun(nodePath(), [rolldown, '-c', join(ROOT, 'rolldown.config.mjs')], 'Bundling failed; see above.')
    },
  )
}

export async function buildRenderer() {
  await unlessUpToDate(
    {
      name: 'renderer',
      inputs: [
        'renderer',
        ...['contract', 'rpc', 'plan'].map((name) => join('electron', name)),
        'vite.config.ts',
        'package-lock.json',
      ],
      texts: [packageJson().version],
      ignore: isTest,
      outputs: [join(OUT, 'renderer', 'index.html')],
    },
    async () => {
      say('building the window')
      const vite = join(MODULES, 'vite', 'bin', 'vite.js')
      const args = [vite, 'build', '--config', join(ROOT, 'vite.config.ts'), '--logLevel', 'warn']
      await mustRun(nodePath(), args, 'Building the window failed; see above.')
    },
  )
}
