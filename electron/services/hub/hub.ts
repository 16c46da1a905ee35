/** The Hub as the rest of the app knows it: one client with the account of this machine, and what is built on it. */
import { join } from 'node:path'
import type { Settings } from '../../contract/domain.ts'
import { AppError, toAppError } from '../../contract/errors.ts'
import type { CachedRepo, HubAccount, HubModelDetail, HubQuery } from '../../contract/hub.ts'
import type { SecretBox } from '../../contract/secrets.ts'
import { APP_VERSION } from '../../contract/version.ts'
import { userOf } from '../../hub/account.ts'
import { listCache, removeFromCache } from '../../hub/cache-admin.ts'
import { type DatasetOptions, type DatasetPart, readDatasetText } from '../../hub/dataset-text.ts'
import type { FreeBytes } from '../../hub/disk-space.ts'
import type { DownloadDeps } from '../../hub/download.ts'
import { type Environment, type HubEnvironment, hubEnvironment } from '../../hub/environment.ts'
import { DEFAULT_TUNING, type FetchTuning } from '../../hub/fetch-file.ts'
import { createHubClient, type HubClient, type RepoName } from '../../hub/hub-client.ts'
import { createThreads } from '../../hub/mover/threads.ts'
import { createRateLimit } from '../../hub/rate-limit.ts'
import { DEFAULT_RETRY, type RetryPolicy } from '../../hub/retry.ts'
import { checkToken, createTokenStore } from '../../hub/token-store.ts'
import { createTransport } from '../../hub/transport.ts'
import type { MachineInfo } from '../machine.ts'
import { inspectHubModel } from './inspect.ts'
import { type HubPage, searchModels } from './search-models.ts'

export interface HubTuning {
  fetch: FetchTuning
  retry: RetryPolicy
  stallMs: number
  parallelFiles: number
}

export const DEFAULT_HUB_TUNING: HubTuning = {
  fetch: DEFAULT_TUNING,
  retry: DEFAULT_RETRY,
  stallMs: 30_000,
  parallelFiles: 3,
}

const HASTY_ATTEMPTS = 3

export interface HubDeps {
  env: Environment
  home: string
  dataDir: string
  secrets: SecretBox | null
  machine: MachineInfo
  settings(): Settings
  freeBytes: FreeBytes
  tuning: HubTuning
  /** Entry of the threads that fetch large files. */
  moverScript: string | URL
}

export interface Hub {
  readonly environment: HubEnvironment
  readonly client: HubClient
  readonly tuning: HubTuning
  /** What a download needs, with the settings of now. */
  downloads(): DownloadDeps
  account(signal?: AbortSignal): Promise<HubAccount>
  /** Keeps the token once the Hub knows it. */
  login(token: string, signal?: AbortSignal): Promise<HubAccount>
  logout(signal?: AbortSignal): Promise<HubAccount>
  /** Throws `access-denied` when nobody is signed in. */
  requireToken(): Promise<string>
  search(query: HubQuery, cursor: string | null, signal?: AbortSignal): Promise<HubPage>
  inspect(name: string, revision: string, signal: AbortSignal): Promise<HubModelDetail>
  /** A dataset as one text, from the cache when it is there. */
  readDataset(part: DatasetPart, options: DatasetOptions): Promise<string>
  cache(): Promise<CachedRepo[]>
  removeFromCache(repo: RepoName, commit: string | null): Promise<void>
  dispose(): Promise<void>
}

export function createHub(deps: HubDeps): Hub {
  const { dataDir, machine, settings, freeBytes, tuning } = deps
  const environment = hubEnvironment(deps.env, deps.home)
  const { cacheDir } = environment
  const transport = createTransport({
    env: deps.env,
    stallMs: tuning.stallMs,
    userAgent: `hqq-studio/${APP_VERSION}; node/${process.versions.node}`,
  })
  const tokens = createTokenStore({ environment, path: join(dataDir, 'hub-token'), secrets: deps.secrets })
  const clientWith = (retry: RetryPolicy) =>
    createHubClient({
      environment,
      transport,
      token: async () => (await tokens.get())?.token ?? null,
      retry,
      now: Date.now,
    })
  const client = clientWith(tuning.retry)
  // Somebody looks at the screen meanwhile: better an error now than an answer in two minutes.
  const hasty = { ...tuning.retry, attempts: Math.min(tuning.retry.attempts, HASTY_ATTEMPTS) }
  const hastyClient = clientWith(hasty)
  const limit = createRateLimit(() => settings().downloadBytesPerSecond, Date.now)
  const threads = createThreads(deps.moverScript)
  const { fetch: fetchTuning, retry, parallelFiles } = tuning

  async function account(signal?: AbortSignal): Promise<HubAccount> {
    const found = await tokens.get()
    const base = { endpoint: client.endpoint, offline: client.offline, cacheDir, tokenSource: found?.source ?? null }
    if (found === null || client.offline) return { ...base, user: null, problem: null }
    try {
      return { ...base, user: await userOf(hastyClient, found.token, hasty, signal), problem: null }
    } catch (error) {
      return { ...base, user: null, problem: toAppError(error).toShape() }
    }
  }

  const downloads = (): DownloadDeps => ({
    client,
    cacheDir,
    tuning: fetchTuning,
    parallelFiles,
    retry,
    limit,
    threads,
    freeBytes,
    floorBytes: settings().diskFloorBytes,
  })

  return {
    environment,
    client,
    tuning,
    downloads,
    account,
    async login(text, signal) {
      if (environment.token !== null) {
        throw new AppError(
          'not-allowed',
          'HF_TOKEN is set in the environment and goes before a stored token. Unset it to sign in here.',
        )
      }
      const token = checkToken(text)
      await userOf(hastyClient, token, hasty, signal)
      await tokens.set(token)
      return account(signal)
    },
    async logout(signal) {
      await tokens.remove()
      return account(signal)
    },
    async requireToken() {
      const found = await tokens.get()
      if (found !== null) return found.token
      throw new AppError('access-denied', 'Sign in with a token that may write: in Settings, or with `login`.')
    },
    search: (query, cursor, signal) => searchModels({ client: hastyClient, machine }, query, cursor, signal),
    inspect: (name, revision, signal) =>
      inspectHubModel(
        { client: hastyClient, machine, cacheDir, freeBytes, retry: hasty, floorBytes: settings().diskFloorBytes },
        { type: 'model', name },
        revision,
        signal,
      ),
    readDataset: (part, options) => readDatasetText(downloads(), part, options),
    cache: () => listCache(cacheDir),
    removeFromCache: (repo, commit) => removeFromCache(cacheDir, repo, commit),
    async dispose() {
      transport.dispose()
      await threads.dispose()
    },
  }
}
