/** The platform of the Electron host. Electron's parts come in as arguments, so that tests need no binary. */
import type { dialog, safeStorage, shell } from 'electron'
import type { Platform } from './platform.ts'

export interface ElectronPlatformOptions {
  readonly dataDir: string
  readonly resourcesDir: string
  readonly dialog: Pick<typeof dialog, 'showOpenDialog'>
  readonly shell: Pick<typeof shell, 'showItemInFolder' | 'openExternal'>
  readonly safeStorage: Pick<
    typeof safeStorage,
    'isEncryptionAvailable' | 'encryptString' | 'decryptString' | 'getSelectedStorageBackend'
  >
}

/** No system lets one dialog choose files and folders: a folder is chosen by its config.json. */
const MODEL_FILES = [{ name: 'config.json of a model folder, or a GGUF file', extensions: ['json', 'gguf'] }]

export function createElectronPlatform({
  dataDir,
  resourcesDir,
  dialog,
  shell,
  safeStorage,
}: ElectronPlatformOptions): Platform {
  return {
    host: 'electron',
    dataDir,
    resourcesDir,
    secrets: {
      // Without a keyring Linux encrypts with a key that everybody knows.
      available: () =>
        safeStorage.isEncryptionAvailable() &&
        (process.platform !== 'linux' || safeStorage.getSelectedStorageBackend() !== 'basic_text'),
      encrypt: (text) => safeStorage.encryptString(text),
      decrypt: (data) => safeStorage.decryptString(Buffer.from(data)),
    },
    async pickPath(kind) {
      const { canceled, filePaths } = await dialog.showOpenDialog({
        properties: [kind === 'folder' ? 'openDirectory' : 'openFile'],
        ...(kind === 'model' ? { filters: MODEL_FILES } : {}),
      })
      return canceled ? null : (filePaths[0] ?? null)
    },
    revealPath: async (path) => shell.showItemInFolder(path),
    openExternal: (url) => shell.openExternal(url),
  }
}
