/** The one window, with safe defaults. */
import type { BrowserWindow as BrowserWindowClass, BrowserWindowConstructorOptions } from 'electron'
import { APP_ORIGIN } from './security.ts'

const MIN_WIDTH = 1024

type WindowParts = Pick<BrowserWindowClass, 'loadURL' | 'once' | 'show'>

export interface WindowOptions {
  readonly BrowserWindow: new (options: BrowserWindowConstructorOptions) => WindowParts
  readonly preload: string
  readonly dark: boolean
}

/** Shown when its first paint is ready, so that it never flashes white. */
export async function openWindow({ BrowserWindow, preload, dark }: WindowOptions): Promise<void> {
  const window = new BrowserWindow({
    width: 1440,
    height: 900,
    minWidth: MIN_WIDTH,
    minHeight: 640,
    show: false,
    title: 'HQQ Studio',
    backgroundColor: dark ? '#16181b' : '#ffffff',
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  })
  window.once('ready-to-show', () => window.show())
  await window.loadURL(`${APP_ORIGIN}/`)
}
