/** Who may import whom. The one table of the layer rules, read by layers.test.ts. */

export interface Layer {
  /** Folder or file below the repository root; the longest match decides. */
  readonly path: string
  /** Folders and files of ours that it may import, besides its own folder. */
  readonly imports: readonly string[]
  /** Packages it may import; `node:` stands for all built-in modules. */
  readonly packages: readonly string[]
}

const SHARED = ['electron/contract', 'electron/rpc', 'electron/plan']
const UI_PACKAGES = [
  ...['react', 'react-dom', 'zustand', 'zod', 'radix-ui', 'lucide-react', 'cmdk', 'sonner', 'clsx', 'tailwind-merge'],
  ...['class-variance-authority', '@tanstack/react-virtual', 'd3-scale', 'd3-shape'],
  ...['react-markdown', 'rehype-sanitize', 'remark-gfm'],
]

export const LAYERS: readonly Layer[] = [
  // Compiled without DOM and Node types: all that both sides share.
  { path: 'electron/contract', imports: [], packages: ['zod'] },
  { path: 'electron/rpc', imports: ['electron/contract'], packages: ['zod'] },
  { path: 'electron/plan', imports: ['electron/contract'], packages: ['zod'] },
  // Reports as text: they know neither where the facts come from nor where the text goes.
  { path: 'electron/report', imports: ['electron/contract', 'electron/plan'], packages: [] },

  { path: 'electron/wires', imports: ['electron/rpc'], packages: ['node:', 'ws'] },
  { path: 'electron/wires/electron-port.ts', imports: ['electron/rpc'], packages: ['electron'] },
  { path: 'electron/storage', imports: ['electron/contract'], packages: ['node:', 'zod'] },
  { path: 'electron/platform', imports: ['electron/contract'], packages: ['node:'] },
  { path: 'electron/platform/electron.ts', imports: [], packages: ['electron'] },
  { path: 'electron/tokenizer', imports: ['electron/contract'], packages: ['node:', 'zod', '@huggingface/'] },
  { path: 'electron/vision', imports: ['electron/contract'], packages: ['node:', 'zod', 'sharp'] },
  { path: 'electron/engine', imports: [...SHARED, 'electron/wires'], packages: ['node:', 'zod'] },
  {
    path: 'electron/engine/electron-starter.ts',
    imports: ['electron/engine', 'electron/wires'],
    packages: ['electron'],
  },
  {
    path: 'electron/hub',
    imports: ['electron/contract', 'electron/storage'],
    packages: ['node:', 'zod', '@huggingface/hub', 'hyparquet', 'hyparquet-compressors'],
  },
  {
    path: 'electron/services',
    imports: [
      ...SHARED,
      ...['electron/engine/supervisor.ts', 'electron/engine/starter.ts'],
      ...['electron/hub', 'electron/platform', 'electron/report', 'electron/storage', 'electron/tokenizer'],
      'electron/vision',
    ],
    packages: ['node:', 'zod'],
  },
  {
    path: 'electron/http',
    imports: ['electron/contract', 'electron/rpc', 'electron/wires'],
    packages: ['node:', 'hono', '@hono/', 'ws'],
  },
  { path: 'electron/window', imports: ['electron/http/policy.ts'], packages: ['electron'] },
  { path: 'electron/hosts', imports: ['electron'], packages: ['node:', 'electron'] },

  { path: 'renderer', imports: [...SHARED, 'renderer'], packages: UI_PACKAGES },
  { path: 'renderer/client', imports: [...SHARED, 'renderer/ui'], packages: UI_PACKAGES },
  { path: 'renderer/features', imports: [...SHARED, 'renderer/ui', 'renderer/client'], packages: UI_PACKAGES },
  { path: 'renderer/ui', imports: SHARED, packages: UI_PACKAGES },
]

/** Files that only the named ones may import. */
export const PRIVATE: Readonly<Record<string, readonly string[]>> = {
  // Native code is loaded by the engine process alone, which may die of it.
  'electron/engine/addon.ts': ['electron/worker.ts'],
}

/** In these folders each child is on its own: the children do not import each other. */
export const SEPARATE: readonly string[] = ['renderer/features']
