/** When to try again, and how long to wait before that. */

export interface RetryPolicy {
  /** Tries in a row without a byte of progress before giving up. */
  readonly attempts: number
  readonly firstMs: number
  readonly longestMs: number
  /** 0 to 1; spreads what would otherwise come back all at once. */
  random(): number
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 8,
  firstMs: 500,
  longestMs: 30_000,
  random: Math.random,
  sleep,
}

/** A server that asks for more patience than this is not waited for. */
const LONGEST_ASKED_MS = 10 * 60_000

/** Thrown for what may go better the next time: a lost connection, a busy server. `retryAfterMs` is the server's wish. */
export class Transient extends Error {
  readonly retryAfterMs: number | null

  constructor(message: string, retryAfterMs: number | null = null, options?: ErrorOptions) {
    super(message, options)
    this.name = 'Transient'
    this.retryAfterMs = retryAfterMs
  }
}

/** Wait before try `failures` + 1; null when the server wants more time than is reasonable. */
export function waitBefore(failures: number, wish: number | null, policy: RetryPolicy): number | null {
  const own = Math.min(policy.longestMs, policy.firstMs * 2 ** (failures - 1)) * (0.5 + policy.random() / 2)
  if (wish === null) return own
  return wish > LONGEST_ASKED_MS ? null : Math.max(own, wish)
}

/** Seconds, or a date, as servers send it; null for neither. `now` in milliseconds. */
export function parseRetryAfter(text: string | null, now: number): number | null {
  if (text === null) return null
  if (/^\d+(\.\d+)?$/.test(text.trim())) return Number(text) * 1000
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}

/** Runs `work` until it succeeds, fails for good, or has failed too often. */
export async function withRetries<T>(
  work: () => Promise<T>,
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Transient) || failures >= policy.attempts) throw error
      const wait = waitBefore(failures, error.retryAfterMs, policy)
      if (wait === null) throw error
      await policy.sleep(wait, signal)
    }
  }
}

/** Rejects with the signal's reason when it is aborted meanwhile. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
