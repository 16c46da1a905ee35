/**
 * Starts the app on either host with a fresh data folder, and stops it. Page errors and unexpected console errors fail the
 * test that caused them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test'
import { startElectronHost } from './hosts/electron-host.ts'
import { enginePid } from './hosts/processes.ts'
import { startWebHost, type WebHost } from './hosts/web-host.ts'
import { AppPage } from './pages/app-page.ts'

export interface HostOptions {
  host: 'web' | 'electron'
}

export interface StartOptions {
  /** Added to the host's environment, and so to the engine's. */
  env?: Readonly<Record<string, string>>
  wrapper?: readonly string[]
}

/** One started app. */
export interface RunningApp {
  readonly ui: AppPage
  readonly page: Page
  readonly pid: number
  /** Web host only: the address with its token. */
  readonly url: string | null
  /** The engine's process; waits until there is one. */
  engine(): Promise<number>
  stop(): Promise<void>
  /** Ends host and engine as a power cut would. */
  killAll(): Promise<void>
}

interface Fixtures {
  /** A folder of this test's own, removed after it. */
  folder: string
  /** The app's data folder inside it; what a spec puts there before `start` is what the app finds. */
  dataDir: string
  start(options?: StartOptions): Promise<RunningApp>
  /** An app that is already started, for specs with no wishes. */
  app: RunningApp
}

export const test = base.extend<Fixtures & HostOptions>({
  host: ['web', { option: true }],

  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern to learn what a fixture needs
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'hqq-e2e-'))
    await use(folder)
    rmSync(folder, { recursive: true, force: true })
  },

  dataDir: async ({ folder }, use) => use(join(folder, 'data')),

  start: async ({ host, dataDir, browser, contextOptions }, use) => {
    const running: RunningApp[] = []
    const problems: string[] = []

    await use(async (options = {}) => {
      const app =
        host === 'web'
          ? await startWeb(dataDir, options, () => browser.newContext(contextOptions))
          : await startElectron(dataDir, options)
      watchForProblems(app.page, problems)
      running.push(app)
      if (app.url !== null) await app.page.goto(app.url)
      await app.ui.ready()
      return app
    })

    for (const app of running) await app.stop()
    expect(problems, 'errors on the page').toEqual([])
  },

  app: async ({ start }, use) => use(await start()),
})

export { expect }

async function startWeb(
  dataDir: string,
  options: StartOptions,
  newContext: () => Promise<BrowserContext>,
): Promise<RunningApp> {
  const server = await startWebHost({ dataDir, ...options })
  const context = await newContext()
  const page = await context.newPage()
  return {
    page,
    ui: new AppPage(page),
    pid: server.pid,
    url: server.url,
    engine: () => waitForEngine(server.pid),
    async stop() {
      await context.close()
      await server.stop()
    },
    async killAll() {
      await killEverything(server)
      await context.close()
    },
  }
}

async function killEverything(server: WebHost): Promise<void> {
  const engine = enginePid(server.pid)
  await server.kill()
  if (engine !== undefined) killIfThere(engine)
}

/** The engine may have noticed by itself that its host is gone. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

async function startElectron(dataDir: string, options: StartOptions): Promise<RunningApp> {
  const { app, page } = await startElectronHost({ dataDir, ...(options.env ? { env: options.env } : {}) })
  const pid = app.process().pid ?? 0
  return {
    page,
    ui: new AppPage(page),
    pid,
    url: null,
    engine: () => waitForEngine(pid),
    stop: () => app.close(),
    async killAll() {
      const engine = enginePid(pid)
      app.process().kill('SIGKILL')
      if (engine !== undefined) killIfThere(engine)
    },
  }
}

async function waitForEngine(hostPid: number): Promise<number> {
  await expect.poll(() => enginePid(hostPid), { message: 'the engine process runs' }).toBeDefined()
  const pid = enginePid(hostPid)
  if (pid === undefined) throw new Error('The engine ended again at once.')
  return pid
}

/** Lost sockets and refused requests are what some specs are about; the browser logs them on its own. */
const EXPECTED_ERRORS = [/WebSocket connection to .* failed/, /Failed to load resource/]

function watchForProblems(page: Page, problems: string[]): void {
  page.on('pageerror', (error) => problems.push(`page error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() !== 'error') return
    const text = message.text()
    if (!EXPECTED_ERRORS.some((expected) => expected.test(text))) problems.push(`console: ${text}`)
  })
}
