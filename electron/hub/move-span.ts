/** The fast way for a span: a mover does the work, and here what it tells is counted, noted and, where it failed, understood. */
import type { Filling } from './filling.ts'
import type { RangeOutcome } from './mover/messages.ts'
import type { Mover } from './mover/mover.ts'
import { Transient } from './retry.ts'

/**
 * Stores the bytes from `begin`, the start of a chunk, to `end`. False when the general way has to do what is left: the bandwidth is
 * limited, the address is behind a proxy, or the server answers in another way than this one knows. Throws as that way does.
 */
export type MoveSpan = (begin: number, end: number) => Promise<boolean>

/** After as many answers that are not understood no more is asked for in this way. */
const STRIKES = 2

export function createMoveSpan(filling: Filling, mover: Mover): MoveSpan {
  const { options, chunks } = filling
  const { source, signal, limit, onBytes } = options
  let strikes = 0

  return async (begin, end) => {
    if (strikes >= STRIKES || limit.isSet()) return false
    const address = await source.locate(signal)
    if (address === null) return false

    const stop = new AbortController()
    let counted = begin
    let told = begin
    let whole = begin
    let noting = Promise.resolve()

    async function note(chunk: number, to: number): Promise<void> {
      await chunks.add(chunk)
      whole = to
      await filling.noted(chunk)
    }

    function moved(at: number): void {
      onBytes(at - counted)
      counted = at
      while (told < at) {
        const chunk = told / chunks.chunkBytes
        const boundary = Math.min(end, told + chunks.chunkBytes)
        if (boundary > at) break
        told = boundary
        noting = noting.then(() => note(chunk, boundary))
        noting.catch((error: unknown) => stop.abort(error))
      }
      // A limit that is set meanwhile holds for what is left.
      if (limit.isSet()) stop.abort()
    }

    try {
      const own = AbortSignal.any([signal, stop.signal])
      const outcome = await mover.fetch(address, begin, end, { signal: own, onMoved: moved })
      await noting
      if (outcome.kind === 'whole') return true
      if (outcome.kind === 'stopped') {
        if (signal.aborted) throw signal.reason
        return false
      }
      if (outcome.kind === 'answer') source.refused(outcome.status, outcome.retryAfter)
      else failIfBroken(outcome)
      strikes++
      return false
    } finally {
      await noting.catch(() => {})
      // What did not make a whole chunk is fetched again.
      if (counted > whole) onBytes(whole - counted)
    }
  }
}

/** Throws what the general way throws for the same; returns for what that way may understand. */
function failIfBroken(outcome: Extract<RangeOutcome, { kind: 'unsuited' | 'broken' | 'failure' }>): void {
  if (outcome.kind === 'broken') throw new Transient(outcome.why)
  if (outcome.kind === 'unsuited') return
  const { message, code, syscall } = outcome
  throw Object.assign(new Error(message), { code }, syscall === null ? {} : { syscall })
}
