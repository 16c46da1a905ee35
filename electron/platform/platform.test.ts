import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { dataDirOf, ensureDataDir } from './data-dir.ts'
import { createElectronPlatform } from './electron.ts'
import { layoutOf } from './layout.ts'
import { openerOf } from './open-with-system.ts'

describe('data folder', () => {
  it.each([
    ['chosen', { HQQ_DATA_DIR: '/env' }, 'linux', '/chosen'],
    [undefined, { HQQ_DATA_DIR: '/env' }, 'linux', '/env'],
    [undefined, { XDG_DATA_HOME: '/xdg' }, 'linux', '/xdg/hqq-studio'],
    [undefined, {}, 'linux', '/home/me/.local/share/hqq-studio'],
    [undefined, {}, 'darwin', '/home/me/Library/Application Support/HQQ Studio'],
    [undefined, { APPDATA: '/roaming' }, 'win32', '/roaming/HQQ Studio'],
  ])('chosen %s, environment %o, on %s', (chosen, env, platform, expected) => {
    const given = chosen === 'chosen' ? '/chosen' : undefined
    expect(dataDirOf(given, env, platform, '/home/me')).toBe(expected)
  })

  it('is made when missing, and says what to do when it cannot be', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hqq-data-'))
    expect(ensureDataDir(join(folder, 'a', 'b'))).toBe(join(folder, 'a', 'b'))
    await writeFile(join(folder, 'file'), '')
    expect(() => ensureDataDir(join(folder, 'file', 'below'))).toThrow(/--data-dir/)
    await rm(folder, { recursive: true })
  })
})

describe('layout', () => {
  it('has everything beside the running bundle in a checkout', () => {
    const layout = layoutOf('/repo/out')
    expect(layout.addon).toBe('/repo/out/hqq_engine.node')
    expect(layout.resources).toBe('/repo/resources')
  })

  it('takes native code from outside the archive of a packaged app', () => {
    const layout = layoutOf('/opt/app/resources/app.asar/out', '/opt/app/resources')
    expect(layout.addon).toBe('/opt/app/resources/app.asar.unpacked/out/hqq_engine.node')
    expect(layout.worker).toBe('/opt/app/resources/app.asar/out/worker.js')
    expect(layout.resources).toBe('/opt/app/resources')
  })
})

describe('opening with the system', () => {
  it.each([
    ['linux', { DISPLAY: ':0' }, ['xdg-open']],
    ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, ['xdg-open']],
    ['linux', {}, undefined],
    ['linux', { DISPLAY: ':0', CI: '1' }, undefined],
    ['darwin', {}, ['open']],
  ])('on %s with %o', (platform, env, expected) => {
    expect(openerOf(platform, env)).toEqual(expected)
  })
})

describe('Electron platform', () => {
  const shell = { showItemInFolder: () => {}, openExternal: async () => {} }
  const safeStorage = {
    isEncryptionAvailable: () => true,
    encryptString: (text: string) => Buffer.from(`sealed ${text}`),
    decryptString: (data: Buffer) => data.toString().replace('sealed ', ''),
    getSelectedStorageBackend: () => 'basic_text' as const,
  }
  const pick = (answer: { canceled: boolean; filePaths: string[] }) => {
    const asked: unknown[] = []
    const showOpenDialog = async (options: unknown) => {
      asked.push(options)
      return answer
    }
    // Only the overload that is used.
    const dialog = { showOpenDialog } as unknown as Parameters<typeof createElectronPlatform>[0]['dialog']
    return {
      asked,
      platform: createElectronPlatform({ dataDir: '/d', resourcesDir: '/r', dialog, shell, safeStorage }),
    }
  }

  it('asks for a folder or a file with the native dialog', async () => {
    const { platform, asked } = pick({ canceled: false, filePaths: ['/models/a'] })
    await expect(platform.pickPath?.('folder')).resolves.toBe('/models/a')
    await platform.pickPath?.('file')
    expect(asked).toEqual([{ properties: ['openDirectory'] }, { properties: ['openFile'] }])
  })

  it('does not take a keyring that only pretends for one', () => {
    const { secrets } = pick({ canceled: true, filePaths: [] }).platform
    expect(secrets?.available()).toBe(process.platform !== 'linux')
    expect(secrets?.decrypt(secrets.encrypt('hf_x'))).toBe('hf_x')
  })

  it('answers null when the dialog is dismissed', async () => {
    const { platform } = pick({ canceled: true, filePaths: [] })
    await expect(platform.pickPath?.('folder')).resolves.toBeNull()
  })
})
