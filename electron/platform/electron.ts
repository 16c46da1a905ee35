/** The platform of the Electron host. Electron's parts come in as arguments, so that tests need no binary. */
import type { dialog, shell } from 'electron'
import type { Platform } from './platform.ts'

export interface ElectronPlatformOptions {
  readonly dataDir: string
  readonly resourcesDir: string
  readonly dialog: Pick<typeof dialog, 'showOpenDialog'>
  readonly shell: Pick<typeof shell, 'showItemInFolder' | 'openExternal'>
}

export function createElectronPlatform({ dataDir, resourcesDir, dialog, shell }: ElectronPlatformOptions): Platform {
  return {
    host: 'electron',
    dataDir,
    resourcesDir,
    async pickPath(kind) {
      const { canceled, filePaths } = await dialog.showOpenDialog({
        properties: [kind === 'folder' ? 'openDirectory' : 'openFile'],
      })
      return canceled ? null : (filePaths[0] ?? null)
    },
    revealPath: async (path) => shell.showItemInFolder(path),
    openExternal: (url) => shell.openExternal(url),
  }
}
