import { readFileSync } from 'node:fs'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

export default defineConfig({
  root: 'renderer',
  plugins: [react(), tailwindcss()],
  define: { __APP_VERSION__: JSON.stringify(version) },
  // Served from an origin of its own in both hosts; the policy there allows no inline script and no data: font.
  build: {
    outDir: '../out/renderer',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    // Modules run in the order of their imports, also across chunks: client/no-eval.ts must come first.
    rolldownOptions: { output: { strictExecutionOrder: true } },
  },
})
