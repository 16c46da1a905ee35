/** The pieces of a download, set up against a fake Hub and with patience short enough for tests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DownloadDeps } from '../download.ts'
import type { FetchTuning } from '../fetch-file.ts'
import { createHubClient, type HubClient } from '../hub-client.ts'
import { createThreads } from '../mover/threads.ts'
import { createRateLimit } from '../rate-limit.ts'
import { DEFAULT_RETRY, type RetryPolicy } from '../retry.ts'
import { createTransport } from '../transport.ts'

/** Pieces of a few kilobytes, so that small files have many; the larger of the small files go through movers. */
export const SMALL_PIECES: FetchTuning = {
  chunkBytes: 4096,
  connections: 3,
  spanBytes: 16_384,
  writeBytes: 2048,
  moverBytes: 25_000,
  pieceBytes: 2048,
  widenMs: 0,
}

export const MOVER_SCRIPT = new URL('../mover/worker.ts', import.meta.url)
export const THREADS = createThreads(MOVER_SCRIPT)

/** Waits are as good as none. */
export const QUICK_RETRY: RetryPolicy = { ...DEFAULT_RETRY, attempts: 6, firstMs: 1, longestMs: 5, random: () => 0.5 }

export interface ClientOptions {
  token?: string | null
  retry?: RetryPolicy
  stallMs?: number
  env?: Readonly<Record<string, string>>
  offline?: boolean
  /** Instead of that of `SMALL_PIECES`. */
  moverBytes?: number
}

export function testClient(endpoint: string, options: ClientOptions = {}): HubClient {
  const { token = null, retry = QUICK_RETRY, stallMs = 1500, env = {}, offline = false } = options
  return createHubClient({
    environment: { endpoint, offline },
    transport: createTransport({ env, stallMs, userAgent: 'test' }),
    token: async () => token,
    retry,
    now: Date.now,
  })
}

export function testDownload(endpoint: string, cacheDir: string, options: ClientOptions = {}): DownloadDeps {
  return {
    client: testClient(endpoint, options),
    cacheDir,
    tuning: { ...SMALL_PIECES, moverBytes: options.moverBytes ?? SMALL_PIECES.moverBytes },
    threads: THREADS,
    parallelFiles: 2,
    retry: options.retry ?? QUICK_RETRY,
    limit: createRateLimit(() => null, Date.now),
    freeBytes: async () => 1e12,
    floorBytes: 0,
  }
}

/** A fresh folder, and how to remove it. */
export function tempFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'hqq-hub-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Bytes that look random and are the same each time. */
export function noise(length: number, seed: number): Buffer {
  const out = Buffer.allocUnsafe(length)
  let state = (seed * 2654435761 + 1) >>> 0
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    out[at] = state >>> 24
  }
  return out
}
