/** Frame rates of the window under load: `npm run bench -- window`. Apart from the tests, since a busy machine must not fail them. */
import { defineConfig } from '@playwright/test'
import type { HostOptions } from '../fixtures.ts'
import { chromiumPath } from '../hosts/browsers.ts'
import { ARTIFACTS } from '../paths.ts'

export default defineConfig<HostOptions>({
  testDir: '.',
  outputDir: `${ARTIFACTS}/perf`,
  workers: 1,
  timeout: 180_000,
  use: {
    host: 'web',
    browserName: 'chromium',
    viewport: { width: 1440, height: 900 },
    launchOptions: { ...chromiumPath(), args: ['--no-sandbox'] },
  },
})
