/**
 * One set of specs, two hosts: `web` in Chromium over the loopback server, `electron` in the real window. The engine is the
 * real one, on the CPU. Whatever a host needs and does not find is said in one line, never skipped in silence.
 */
import { existsSync } from 'node:fs'
import { defineConfig } from '@playwright/test'
import { electronBinary, hasDisplay } from '../electron/setup/electron-binary.mjs'
import type { HostOptions } from './fixtures.ts'
import { chromiumPath } from './hosts/browsers.ts'
import { ARTIFACTS, WEB_ENTRY } from './paths.ts'

if (!existsSync(WEB_ENTRY))
  throw new Error('The app is not built. Run `npm run setup` first, or `npm run e2e`, which does.')

const electron = electronBinary()
const missing =
  electron === undefined ? "Electron's binary is not installed" : hasDisplay() ? null : 'there is no display'
// Workers load this file too; only the first process speaks.
if (missing !== null && process.env.TEST_WORKER_INDEX === undefined) {
  process.stderr.write(`\n*** The electron specs are NOT RUN: ${missing}. The same specs run in Chromium. ***\n\n`)
}

export default defineConfig<HostOptions>({
  testDir: '.',
  // Measured apart: `npm run bench -- window`.
  testIgnore: 'perf/**',
  outputDir: `${ARTIFACTS}/results`,
  // A host, an engine and a browser each: more at once only makes all of them slow.
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  // Once more, because a journey drives a browser in real time; one that needed it is named `flaky` at the end.
  retries: 1,
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: [['list'], ['html', { outputFolder: `${ARTIFACTS}/report`, open: 'never' }]],
  use: {
    viewport: { width: 1440, height: 900 },
    screenshot: 'only-on-failure',
    // Recording every test would cost more than running it; `npm run e2e -- --trace on` does when it is needed.
    trace: 'off',
    launchOptions: {
      ...chromiumPath(),
      args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    },
  },
  projects: [
    { name: 'web', use: { browserName: 'chromium', host: 'web' } },
    ...(missing === null ? [{ name: 'electron', use: { host: 'electron' as const }, grepInvert: /@web/ }] : []),
  ],
})
