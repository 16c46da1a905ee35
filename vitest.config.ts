import { readFileSync } from 'node:fs'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const define = { __APP_VERSION__: JSON.stringify(version) }
/**
 * Generous, so that a busy machine fails nothing: what hangs is found all the same. Once more, as in the browser tests; a test that
 * needed it is named `flaky` at the end.
 */
const patience = { retry: 1, testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } } }

export default defineConfig({
  test: {
    reporters: ['default', './electron/setup/counts-reporter.mjs'],
    projects: [
      { define, test: { ...patience, name: 'electron', environment: 'node', include: ['electron/**/*.test.ts'] } },
      {
        define,
        plugins: [react()],
        test: { ...patience, name: 'renderer', environment: 'jsdom', include: ['renderer/**/*.test.{ts,tsx}'] },
      },
    ],
  },
})
