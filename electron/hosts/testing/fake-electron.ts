/** As much of Electron as the host uses, recording what is done with it. */
import { EventEmitter } from 'node:events'
import type * as Electron from 'electron'

type Handler = (request: Request) => Response | Promise<Response>

export interface FakeElectron {
  /** To be passed for the real module. */
  readonly module: typeof Electron
  readonly app: EventEmitter
  readonly ipcMain: EventEmitter
  /** What happened, in order. */
  readonly log: string[]
  readonly windows: FakeWindow[]
  /** Asks the `app:` scheme as a page would. */
  fetch(url: string): Promise<Response>
}

export class FakeWindow extends EventEmitter {
  readonly options: Electron.BrowserWindowConstructorOptions
  url = ''
  focused = 0

  constructor(options: Electron.BrowserWindowConstructorOptions) {
    super()
    this.options = options
  }
  show(): void {}
  isMinimized(): boolean {
    return false
  }
  focus(): void {
    this.focused++
  }
  async loadURL(url: string): Promise<void> {
    this.url = url
  }
}

export function createFakeElectron({ firstInstance = true } = {}): FakeElectron {
  const log: string[] = []
  const note =
    (name: string) =>
    (...args: unknown[]): void =>
      void log.push([name, ...args.filter((arg) => typeof arg === 'string')].join(' '))
  const windows: FakeWindow[] = []
  const handlers = new Map<string, Handler>()
  const app = Object.assign(new EventEmitter(), {
    isPackaged: false,
    setPath: note('setPath'),
    requestSingleInstanceLock: () => firstInstance,
    enableSandbox: note('enableSandbox'),
    whenReady: async () => note('ready')(),
    exit: note('exit'),
    quit() {
      const event = { prevented: false, preventDefault: () => Object.assign(event, { prevented: true }) }
      app.emit('before-quit', event)
      note(event.prevented ? 'quit held' : 'quit')()
    },
  })
  const ipcMain = new EventEmitter()
  class BrowserWindow extends FakeWindow {
    static getAllWindows = () => windows
    constructor(options: Electron.BrowserWindowConstructorOptions) {
      super(options)
      windows.push(this)
    }
  }
  const module = {
    app,
    BrowserWindow,
    dialog: { showErrorBox: note('error box'), showOpenDialog: async () => ({ canceled: true, filePaths: [] }) },
    ipcMain,
    Menu: { buildFromTemplate: (template: unknown) => template, setApplicationMenu: note('menu') },
    nativeTheme: { shouldUseDarkColors: false },
    protocol: {
      registerSchemesAsPrivileged: note('schemes'),
      handle: (scheme: string, handler: Handler) => handlers.set(scheme, handler),
    },
    session: {
      defaultSession: {
        setPermissionRequestHandler: note('permission requests'),
        setPermissionCheckHandler: note('permission checks'),
        webRequest: { onHeadersReceived: note('headers') },
      },
    },
    safeStorage: {
      isEncryptionAvailable: () => false,
      encryptString: (text: string) => Buffer.from(text),
      decryptString: (data: Buffer) => data.toString(),
      getSelectedStorageBackend: () => 'basic_text',
    },
    shell: { openExternal: async () => {}, showItemInFolder: () => {} },
    utilityProcess: { fork: () => Promise.reject(new Error('no engine in this test')) },
  }
  return {
    // Only what the host touches is there.
    module: module as unknown as typeof Electron,
    app,
    ipcMain,
    log,
    windows,
    async fetch(url) {
      const handler = handlers.get(new URL(url).protocol.slice(0, -1))
      if (!handler) throw new Error(`no handler for ${url}`)
      return handler(new Request(url))
    },
  }
}
