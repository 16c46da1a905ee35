/** The app in the browser: one core, a loopback server, and a page for each tab. */
import { createApp } from '../app.ts'
import { appContract } from '../contract/app.ts'
import { createNodeStarter } from '../engine/node-starter.ts'
import { createRoutes, type Routes } from '../http/routes.ts'
import { startWebServer, type WebServer } from '../http/server.ts'
import { dataDirOf, ensureDataDir } from '../platform/data-dir.ts'
import type { Layout } from '../platform/layout.ts'
import { createNodePlatform } from '../platform/node.ts'
import { openWithSystem } from '../platform/open-with-system.ts'
import { serve } from '../rpc/server.ts'
import type { Wire } from '../rpc/wire.ts'
import { openLogFile } from '../storage/log-file.ts'
import type { HeldLock } from '../storage/process-lock.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { PREFERRED_PORT, type WebOptions } from './web-options.ts'

export interface WebHost {
  /** Carries the access token. */
  readonly url: string
  close(): Promise<void>
}

/** Starts the app and its server; prints the address with `print`. Rejects with an AppError a person can act on. */
export async function startWebHost(
  options: WebOptions,
  layout: Layout,
  print: (line: string) => void,
): Promise<WebHost> {
  const dataDir = ensureDataDir(dataDirOf(options.dataDir, process.env, process.platform))
  const lock = await lockDataDir(dataDir)
  try {
    return await startLocked(dataDir, options, layout, print, lock)
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function startLocked(
  dataDir: string,
  options: WebOptions,
  layout: Layout,
  print: (line: string) => void,
  lock: HeldLock,
): Promise<WebHost> {
  const log = openLogFile(dataDir)
  const app = await createApp({
    platform: createNodePlatform({ host: 'web', dataDir, resourcesDir: layout.resources }),
    starter: createNodeStarter({ script: layout.worker, args: [layout.addon] }),
    tokenizerScript: layout.tokenizer,
    moverScript: layout.mover,
    log: log.write,
  })
  const routes = await createRoutes({ rendererDir: layout.renderer })
  const server = await listen(options.port, routes, (wire) => {
    serve(appContract, app.handlers, wire, {
      onError: (method, error) => log.write(`${method} failed: ${error.code}: ${error.message}`),
    })
  })
  print(`HQQ Studio is at ${server.url}`)
  print('Press Ctrl-C to stop it.')
  if (options.open) openWithSystem.open(server.url)
  return {
    url: server.url,
    async close() {
      await server.close()
      await app.dispose()
      await log.close()
      await lock.release()
    },
  }
}

async function listen(
  port: number | undefined,
  routes: Routes,
  onConnection: (wire: Wire) => void,
): Promise<WebServer> {
  if (port !== undefined) return startWebServer({ port, routes, onConnection })
  return startWebServer({ port: PREFERRED_PORT, routes, onConnection }).catch(() =>
    startWebServer({ port: 0, routes, onConnection }),
  )
}
