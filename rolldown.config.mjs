/** Node bundles: hosts, command line, engine worker and threads as ES modules, the sandboxed preload as CommonJS. */
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { defineConfig } from 'rolldown'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
// sharp brings native code of its own, which cannot be put into a bundle.
const external = ['electron', 'sharp', ...builtinModules, ...builtinModules.map((name) => `node:${name}`)]
const shared = {
  platform: 'node',
  external,
  transform: {
    define: {
      __APP_VERSION__: JSON.stringify(version),
      // ws looks for optional native helpers otherwise.
      'process.env.WS_NO_BUFFER_UTIL': '"1"',
      'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
    },
  },
}

export default defineConfig([
  {
    ...shared,
    input: {
      main: 'electron/main.ts',
      web: 'electron/web.ts',
      cli: 'electron/cli.ts',
      worker: 'electron/worker.ts',
      tokenizer: 'electron/tokenizer/worker.ts',
      mover: 'electron/hub/mover/worker.ts',
    },
    output: { dir: 'out', format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
  },
  {
    ...shared,
    input: { preload: 'electron/preload.ts' },
    output: { dir: 'out', format: 'cjs', entryFileNames: '[name].cjs' },
  },
])
