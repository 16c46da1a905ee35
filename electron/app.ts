/** The application core: builds the services in order and returns what a host serves. Knows no host. */

import type { AppContract } from './contract/app.ts'
import type { Starter } from './engine/starter.ts'
import { createHandlers } from './handlers.ts'
import type { Environment } from './hub/environment.ts'
import type { Platform } from './platform/platform.ts'
import type { Handlers } from './rpc/server.ts'
import type { HubTuning } from './services/hub/hub.ts'
import { createServices, type Services } from './services/services.ts'

export interface AppOptions {
  readonly platform: Platform
  readonly starter: Starter
  /** Entry of the tokenizer thread. */
  readonly tokenizerScript: string | URL
  /** Entry of the threads that fetch large files. */
  readonly moverScript: string | URL
  readonly log: (line: string) => void
  /** Default: that of this process. */
  readonly env?: Environment
  /** For tests. */
  readonly hubTuning?: HubTuning
}

export interface App {
  readonly handlers: Handlers<AppContract>
  /** For the command line, which needs more than a window may ask for. */
  readonly services: Services
  dispose(): Promise<void>
}

/** Rejects when the data folder cannot be used; damaged files in it are put aside instead. */
export async function createApp(options: AppOptions): Promise<App> {
  const services = await createServices({ ...options, env: options.env ?? process.env })
  return { handlers: createHandlers(services, options.platform), services, dispose: services.dispose }
}
