/** The Electron window, driven by Playwright. */
import { _electron, type ElectronApplication, type Page } from '@playwright/test'
import { electronBinary } from '../../electron/setup/electron-binary.mjs'
import { ROOT } from '../paths.ts'
import { withoutHub } from './without-hub.ts'

export interface ElectronHost {
  readonly app: ElectronApplication
  readonly page: Page
}

/** Resolves when the window has loaded. */
export async function startElectronHost(options: {
  dataDir: string
  env?: Readonly<Record<string, string>>
}): Promise<ElectronHost> {
  const executablePath = electronBinary()
  if (executablePath === undefined) throw new Error("Electron's binary is not installed.")
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const app = await _electron.launch({
    executablePath,
    args: [...asRoot, ROOT, `--data-dir=${options.dataDir}`],
    env: { ...definedOnly(process.env), ...withoutHub(options.dataDir), ...options.env },
  })
  const page = await app.firstWindow()
  await page.waitForLoadState('domcontentloaded')
  return { app, page }
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
