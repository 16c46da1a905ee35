/** What a window may do: show our own pages, and nothing else. Electron comes in as arguments; see security.test.ts. */
import type { IpcMainEvent, Session, WebContents } from 'electron'
import { SECURITY_HEADERS } from '../http/policy.ts'

export const APP_SCHEME = 'app'
export const APP_ORIGIN = `${APP_SCHEME}://hqq-studio`

/** Whether a URL is one of ours. */
export function isOwnUrl(url: string): boolean {
  return URL.canParse(url) && url.startsWith(`${APP_ORIGIN}/`)
}

/** Links that may be handed to the system's browser. */
export function isWebLink(url: string): boolean {
  return URL.canParse(url) && ['https:', 'http:'].includes(new URL(url).protocol)
}

/** Only the top frame of one of our pages may get a port. */
export function mayConnect(event: Pick<IpcMainEvent, 'senderFrame'>): boolean {
  const frame = event.senderFrame
  return frame !== null && frame.parent === null && isOwnUrl(frame.url)
}

export interface LinkOpener {
  openExternal(url: string): Promise<unknown>
}

/** Keeps a page where it is: no navigation, no new windows, no embedded views. Web links open in the browser. */
export function guardContents(contents: Pick<WebContents, 'on' | 'setWindowOpenHandler'>, links: LinkOpener): void {
  contents.on('will-navigate', (event) => {
    if (!isOwnUrl(event.url)) event.preventDefault()
  })
  contents.on('will-redirect', (event) => {
    if (!isOwnUrl(event.url)) event.preventDefault()
  })
  contents.on('will-attach-webview', (event) => event.preventDefault())
  contents.setWindowOpenHandler(({ url }) => {
    if (isWebLink(url)) void links.openExternal(url)
    return { action: 'deny' }
  })
}

/** Copying text is all that a page may ask the system for. */
const ALLOWED_PERMISSIONS: readonly string[] = ['clipboard-sanitized-write']

export function guardSession(
  session: Pick<Session, 'setPermissionRequestHandler' | 'setPermissionCheckHandler' | 'webRequest'>,
): void {
  session.setPermissionRequestHandler((_contents, permission, answer) =>
    answer(ALLOWED_PERMISSIONS.includes(permission)),
  )
  session.setPermissionCheckHandler((_contents, permission) => ALLOWED_PERMISSIONS.includes(permission))
  session.webRequest.onHeadersReceived((details, answer) =>
    answer({ responseHeaders: { ...details.responseHeaders, ...SECURITY_HEADERS } }),
  )
}
