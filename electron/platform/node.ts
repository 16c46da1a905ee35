/** The platform of the browser host and the command line: no dialogs; folders are listed over RPC instead. */
import { openWithSystem } from './open-with-system.ts'
import type { Platform } from './platform.ts'

export interface NodePlatformOptions {
  readonly host: 'web' | 'cli'
  readonly dataDir: string
  readonly resourcesDir: string
}

export function createNodePlatform({ host, dataDir, resourcesDir }: NodePlatformOptions): Platform {
  const base = { host, dataDir, resourcesDir }
  if (!openWithSystem.available()) return base
  return {
    ...base,
    revealPath: async (path) => openWithSystem.open(path),
    openExternal: async (url) => openWithSystem.open(url),
  }
}
