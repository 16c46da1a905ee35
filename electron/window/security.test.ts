import { EventEmitter } from 'node:events'
import type { IpcMainEvent, Session, WebContents } from 'electron'
import { describe, expect, it } from 'vitest'
import { menuTemplate } from './menu.ts'
import { APP_ORIGIN, guardContents, guardSession, isOwnUrl, mayConnect } from './security.ts'
import { openWindow } from './window.ts'

const OWN = `${APP_ORIGIN}/`

describe('own addresses', () => {
  it.each([OWN, `${OWN}assets/main.js`])('include %s', (url) => expect(isOwnUrl(url)).toBe(true))
  it.each(['app://other/', 'app://hqq-studio.evil/', 'https://hqq-studio/', 'file:///etc/passwd', 'about:blank', ''])(
    'do not include %s',
    (url) => expect(isOwnUrl(url)).toBe(false),
  )
})

describe('the port', () => {
  const from = (senderFrame: unknown) => ({ senderFrame }) as Pick<IpcMainEvent, 'senderFrame'>

  it('goes to the top frame of our own page only', () => {
    expect(mayConnect(from({ parent: null, url: OWN }))).toBe(true)
    expect(mayConnect(from({ parent: { url: OWN }, url: OWN }))).toBe(false)
    expect(mayConnect(from({ parent: null, url: 'https://evil.example/' }))).toBe(false)
    expect(mayConnect(from(null))).toBe(false)
  })
})

describe('a window', () => {
  function guarded() {
    const opened: string[] = []
    let openHandler: (details: { url: string }) => { action: string } = () => ({ action: 'allow' })
    const contents = Object.assign(new EventEmitter(), {
      setWindowOpenHandler(handler: typeof openHandler) {
        openHandler = handler
      },
    })
    guardContents(contents as unknown as WebContents, { openExternal: async (url) => opened.push(url) })
    function prevented(event: string, url: string): boolean {
      let stopped = false
      contents.emit(event, {
        url,
        preventDefault: () => {
          stopped = true
        },
      })
      return stopped
    }
    return { opened, prevented, open: (url: string) => openHandler({ url }).action }
  }

  it.each(['will-navigate', 'will-redirect'])('does not leave our pages on %s', (event) => {
    const { prevented } = guarded()
    expect(prevented(event, 'https://evil.example/')).toBe(true)
    expect(prevented(event, 'file:///etc/passwd')).toBe(true)
    expect(prevented(event, OWN)).toBe(false)
  })

  it('holds no other pages', () => expect(guarded().prevented('will-attach-webview', OWN)).toBe(true))

  it('opens web links in the browser, and nothing else', () => {
    const { open, opened } = guarded()
    for (const url of ['https://example.org/a', 'file:///etc/passwd', 'javascript:alert(1)', 'smb://host/share']) {
      expect(open(url)).toBe('deny')
    }
    expect(opened).toEqual(['https://example.org/a'])
  })

  it('is sandboxed, isolated and without Node', async () => {
    const made: Electron.BrowserWindowConstructorOptions[] = []
    const loaded: string[] = []
    class FakeWindow {
      constructor(options: Electron.BrowserWindowConstructorOptions) {
        made.push(options)
      }
      once() {
        return this as never
      }
      show() {}
      async loadURL(url: string) {
        loaded.push(url)
      }
    }
    await openWindow({ BrowserWindow: FakeWindow, preload: '/out/preload.cjs', dark: false })
    expect(made[0]?.webPreferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      preload: '/out/preload.cjs',
    })
    expect(loaded).toEqual([OWN])
  })
})

describe('a session', () => {
  it('grants copying text and nothing else, and puts the policy on every answer', () => {
    let request: (contents: unknown, permission: string, answer: (granted: boolean) => void) => void = () => {}
    let check: (contents: unknown, permission: string) => boolean = () => true
    let headers: (details: object, answer: (result: { responseHeaders?: object }) => void) => void = () => {}
    const session = {
      setPermissionRequestHandler: (handler: typeof request) => {
        request = handler
      },
      setPermissionCheckHandler: (handler: typeof check) => {
        check = handler
      },
      webRequest: {
        onHeadersReceived: (handler: typeof headers) => {
          headers = handler
        },
      },
    }
    guardSession(session as unknown as Session)
    const granted: boolean[] = []
    for (const permission of ['media', 'geolocation', 'clipboard-sanitized-write']) {
      request(null, permission, (answer) => granted.push(answer))
      expect(check(null, permission)).toBe(permission === 'clipboard-sanitized-write')
    }
    expect(granted).toEqual([false, false, true])
    let answered: object | undefined
    headers({ responseHeaders: { a: 'b' } }, ({ responseHeaders }) => {
      answered = responseHeaders
    })
    expect(answered).toMatchObject({ a: 'b', 'content-security-policy': expect.stringMatching(/^default-src 'self'/) })
  })
})

describe('menu', () => {
  it('has developer tools in a checkout only', () => {
    const roles = (developer: boolean) => JSON.stringify(menuTemplate('linux', developer))
    expect(roles(true)).toContain('toggleDevTools')
    expect(roles(false)).not.toContain('toggleDevTools')
  })
})
