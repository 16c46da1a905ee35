/** The app in an Electron window. Electron itself comes in as an argument, so that this is tested without its binary. */
import { join } from 'node:path'
import type * as Electron from 'electron'
import { createApp } from '../app.ts'
import { appContract } from '../contract/app.ts'
import { toAppError } from '../contract/errors.ts'
import { createElectronStarter } from '../engine/electron-starter.ts'
import { createRoutes } from '../http/routes.ts'
import { dataDirOf, ensureDataDir } from '../platform/data-dir.ts'
import { createElectronPlatform } from '../platform/electron.ts'
import type { Layout } from '../platform/layout.ts'
import { serve } from '../rpc/server.ts'
import { openLogFile } from '../storage/log-file.ts'
import type { HeldLock } from '../storage/process-lock.ts'
import { menuTemplate } from '../window/menu.ts'
import { PORT_CHANNEL } from '../window/port-channel.ts'
import { APP_SCHEME, guardContents, guardSession, isOwnUrl, mayConnect } from '../window/security.ts'
import { openWindow } from '../window/window.ts'
import { createPagePortWire } from '../wires/electron-port.ts'
import { lockDataDir } from './data-dir-lock.ts'

export interface ElectronHostOptions {
  readonly electron: typeof Electron
  readonly layout: Layout
  /** From the command line, if given. */
  readonly dataDir: string | undefined
}

/** Runs until the app quits; resolves when the window is open, or at once in a second instance. */
export async function runElectronHost({ electron, layout, dataDir: chosen }: ElectronHostOptions): Promise<void> {
  const { app, dialog, protocol } = electron
  try {
    const dataDir = ensureDataDir(dataDirOf(chosen, process.env, process.platform))
    // The window's own cache lies with the data; the instance lock is then one for each data folder.
    app.setPath('userData', join(dataDir, 'window'))
    if (!app.requestSingleInstanceLock()) return app.quit()
    // Both must happen before the app is ready.
    app.enableSandbox()
    protocol.registerSchemesAsPrivileged([
      { scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
    ])
    await app.whenReady()
    // Another window of this folder was found above; this finds a browser host.
    const lock = await lockDataDir(dataDir)
    await start(electron, layout, dataDir, lock)
  } catch (thrown) {
    dialog.showErrorBox('HQQ Studio cannot start', toAppError(thrown).message)
    app.exit(1)
  }
}

async function start(electron: typeof Electron, layout: Layout, dataDir: string, lock: HeldLock): Promise<void> {
  const { app, BrowserWindow, dialog, Menu, nativeTheme, safeStorage, session, shell, utilityProcess } = electron
  const log = openLogFile(dataDir)
  const core = await createApp({
    platform: createElectronPlatform({ dataDir, resourcesDir: layout.resources, dialog, shell, safeStorage }),
    starter: createElectronStarter({ utilityProcess, script: layout.worker, args: [layout.addon] }),
    tokenizerScript: layout.tokenizer,
    moverScript: layout.mover,
    log: log.write,
  })
  const routes = await createRoutes({ rendererDir: layout.renderer })
  electron.protocol.handle(APP_SCHEME, (request) =>
    isOwnUrl(request.url) ? routes.fetch(request) : new Response('There is nothing here.', { status: 404 }),
  )
  guardSession(session.defaultSession)
  app.on('web-contents-created', (_event, contents) => guardContents(contents, shell))
  electron.ipcMain.on(PORT_CHANNEL, (event) => {
    const [port] = event.ports
    if (!port || !mayConnect(event)) return port?.close()
    serve(appContract, core.handlers, createPagePortWire(port), {
      onError: (method, error) => log.write(`${method} failed: ${error.code}: ${error.message}`),
    })
  })
  Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate(process.platform, !app.isPackaged)))
  quitCleanly(app, async () => {
    await core.dispose()
    await log.close()
    await lock.release()
  })

  const open = () => openWindow({ BrowserWindow, preload: layout.preload, dark: nativeTheme.shouldUseDarkColors })
  app.on('second-instance', () => focus(electron))
  app.on('activate', () => (BrowserWindow.getAllWindows().length === 0 ? void open() : focus(electron)))
  app.on('window-all-closed', () => process.platform !== 'darwin' && app.quit())
  await open()
}

function focus({ BrowserWindow }: typeof Electron): void {
  const [window] = BrowserWindow.getAllWindows()
  if (window?.isMinimized()) window.restore()
  window?.focus()
}

/** Holds the first quit back until everything is closed. */
function quitCleanly(app: Electron.App, close: () => Promise<void>): void {
  let closed = false
  app.on('before-quit', (event) => {
    if (closed) return
    event.preventDefault()
    close().finally(() => {
      closed = true
      app.quit()
    })
  })
}
