/** The application menu: the system's own roles, so that copy, paste, zoom and quit work as everywhere. */
import type { MenuItemConstructorOptions } from 'electron'

export function menuTemplate(platform: string, developer: boolean): MenuItemConstructorOptions[] {
  const view: MenuItemConstructorOptions[] = [
    { role: 'resetZoom' },
    { role: 'zoomIn' },
    { role: 'zoomOut' },
    { type: 'separator' },
    { role: 'togglefullscreen' },
  ]
  const tools: MenuItemConstructorOptions[] = [{ type: 'separator' }, { role: 'reload' }, { role: 'toggleDevTools' }]
  return [
    ...(platform === 'darwin' ? [{ role: 'appMenu' } as const] : []),
    { role: 'fileMenu' },
    { role: 'editMenu' },
    { label: 'View', submenu: developer ? [...view, ...tools] : view },
    { role: 'windowMenu' },
  ]
}
