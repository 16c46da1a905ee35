/** Opens an address or a folder with whatever the desktop has for it. */
import { spawn } from 'node:child_process'

/** Program and leading arguments, or undefined where there is no desktop. */
export function openerOf(
  platform: string,
  env: Readonly<Record<string, string | undefined>>,
): readonly [string, ...string[]] | undefined {
  if (env.CI) return undefined
  if (platform === 'darwin') return ['open']
  if (platform === 'win32') return ['explorer.exe']
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ['xdg-open'] : undefined
}

export const openWithSystem = {
  available: (): boolean => openerOf(process.platform, process.env) !== undefined,

  /** Does nothing where there is no desktop or no program for it: what is opened is always also printed or shown. */
  open(target: string): void {
    const opener = openerOf(process.platform, process.env)
    if (!opener) return
    const [program, ...args] = opener
    const child = spawn(program, [...args, target], { stdio: 'ignore', detached: true })
    child.on('error', () => {})
    child.unref()
  },
}
