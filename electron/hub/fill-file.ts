/** Fills a file with what is missing of it: runs of chunks over several connections at once, each tried again where it broke. */
import type { ChunkMap } from './chunk-map.ts'
import type { FetchOptions } from './fetch-file.ts'
import type { Filling } from './filling.ts'
import { isNetworkFailure } from './hub-errors.ts'
import { createMoveSpan, type MoveSpan } from './move-span.ts'
import { sleep, Transient, waitBefore } from './retry.ts'
import { createSpans, type Span } from './spans.ts'
import { storeBody } from './store-body.ts'

/** A thread that is busier than this is what a download waits for, and another connection would only be more work for it. */
const BUSY = 0.6

/** Resolves when every byte is written. */
export async function fillFile(filling: Filling): Promise<void> {
  try {
    await inPieces(filling)
  } catch (error) {
    if (!(error instanceof WholeOnly)) throw error
    await fromStart(filling)
  }
}

/** The server sends whole files only, whatever part is asked for. */
class WholeOnly extends Error {}

/** Several connections, each with runs of missing chunks of its own. */
async function inPieces(shared: Filling): Promise<void> {
  const { chunks, options, mover } = shared
  const { connections, spanBytes, widenMs } = options.tuning
  const abort = new AbortController()
  const filling = { ...shared, options: { ...options, signal: AbortSignal.any([options.signal, abort.signal]) } }
  const { signal } = filling.options
  const moveSpan = mover === null ? null : createMoveSpan(filling, mover)
  const spans = createSpans(chunks, spanBytes, connections)
  const most = Math.max(1, Math.min(connections, chunks.count))
  const running: Promise<void>[] = []

  async function connection(): Promise<void> {
    for (let span = spans.next(); span !== null; span = spans.next()) {
      const own = span
      try {
        await patiently(filling, () => fetchSpan(filling, own, moveSpan))
      } finally {
        spans.giveBack(own)
      }
    }
  }

  const open = () => {
    const opened = connection()
    running.push(opened)
    opened.catch((error: unknown) => abort.abort(error))
    return opened
  }

  /** One connection after the other, as long as the mover has time to spare. */
  async function widen(): Promise<void> {
    while (running.length < most && !(await Promise.race([allEnded(), sleep(widenMs, signal)]))) {
      if (mover === null || mover.utilization() < BUSY) open()
    }
  }
  const allEnded = () => Promise.all(running).then(() => true)

  try {
    open()
    if (mover === null) while (running.length < most) open()
    else await widen()
    await Promise.all(running)
  } catch (error) {
    // Nobody may write any more when the next one begins.
    abort.abort(error)
    await Promise.allSettled(running)
    throw error
  }
}

/** One connection that reads everything and leaves what is there already as it is. */
function fromStart(filling: Filling): Promise<void> {
  const { source, signal } = filling.options
  return patiently(filling, async () => {
    const { body, close } = await source.open(0, source.file.bytes, signal)
    try {
      await storeBody(filling, body, 0, source.file.bytes)
    } finally {
      close()
    }
  })
}

/** Tries `work` again as long as what goes wrong may pass; progress renews the patience. */
async function patiently({ chunks, options }: Filling, work: () => Promise<void>): Promise<void> {
  const { retry, signal } = options
  for (let failures = 0; ; ) {
    if (signal.aborted) throw signal.reason
    const before = chunks.bytesDone()
    try {
      return await work()
    } catch (error) {
      const lost = isNetworkFailure(error) ? new Transient(error.message, null, { cause: error }) : error
      if (signal.aborted || !(lost instanceof Transient)) throw lost
      failures = chunks.bytesDone() > before ? 1 : failures + 1
      const wait = failures >= retry.attempts ? null : waitBefore(failures, lost.retryAfterMs, retry)
      if (wait === null) throw lost
      await retry.sleep(wait, signal)
    }
  }
}

/** What is missing of the span. */
async function fetchSpan(filling: Filling, span: Span, moveSpan: MoveSpan | null): Promise<void> {
  const { chunks, options } = filling
  if (moveSpan !== null) {
    const missing = missingOf(chunks, options, span)
    if (missing === null || (await moveSpan(missing.begin, missing.end))) return
  }
  // What came before a failure is not asked for again.
  const missing = missingOf(chunks, options, span)
  if (missing === null) return
  const { begin, end } = missing
  const { source, signal } = options
  const { body, whole, close } = await source.open(begin, end, signal)
  try {
    if (whole && !(begin === 0 && end === source.file.bytes)) throw new WholeOnly()
    await storeBody(filling, body, begin, end)
  } finally {
    close()
  }
}

/** From the first chunk that has not arrived; null when all have. */
function missingOf(chunks: ChunkMap, { source }: FetchOptions, span: Span): { begin: number; end: number } | null {
  let { first } = span
  while (first <= span.last && chunks.has(first)) first++
  if (first > span.last) return null
  const end = Math.min(source.file.bytes, (span.last + 1) * chunks.chunkBytes)
  return { begin: first * chunks.chunkBytes, end }
}
