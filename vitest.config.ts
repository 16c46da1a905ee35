import { readFileSync } from 'node:fs'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const define = { __APP_VERSION__: JSON.stringify(version) }

export default defineConfig({
  test: {
    reporters: ['default', './electron/setup/counts-reporter.mjs'],
    projects: [
      { define, test: { name: 'electron', environment: 'node', include: ['electron/**/*.test.ts'] } },
      {
        define,
        plugins: [react()],
        test: { name: 'renderer', environment: 'jsdom', include: ['renderer/**/*.test.{ts,tsx}'] },
      },
    ],
  },
})
