/** A contract that exercises every path of the RPC, and handlers for it. */
import { z } from 'zod'
import { AppError } from '../../contract/errors.ts'
import { call, stream } from '../../contract/method.ts'
import type { Handlers } from '../server.ts'

export const testContract = {
  echo: call(z.object({ value: z.json() }), z.object({ value: z.json() })),
  defaults: call(z.object({ n: z.number().default(7) }), z.object({ n: z.number() })),
  fail: call(z.object({ code: z.enum(['busy', 'unknown-error', 'with-data']) }), z.object({})),
  badOutput: call(z.object({}), z.object({ n: z.number() })),
  badEvent: stream(z.object({}), z.object({ n: z.number() }), z.object({})),
  count: stream(z.object({ to: z.number().int() }), z.object({ n: z.number() }), z.object({ sum: z.number() })),
  /** Waits for the signal, then rejects as cancelled. */
  wait: call(z.object({}), z.object({})),
  /** Waits for the signal, then answers all the same, as a cancelled generation does. */
  waitThenAnswer: stream(z.object({}), z.object({ started: z.boolean() }), z.object({ finishReason: z.string() })),
} as const
export type TestContract = typeof testContract

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

export interface Probe {
  readonly handlers: Handlers<TestContract>
  /** Number of `wait` handlers whose signal was aborted. */
  readonly aborts: () => number
}

export function createTestHandlers(): Probe {
  let aborts = 0
  const handlers: Handlers<TestContract> = {
    echo: async ({ value }) => ({ value }),
    defaults: ({ n }) => ({ n }),
    fail: ({ code }) => {
      if (code === 'busy') throw new AppError('busy', 'engine is busy')
      if (code === 'with-data') throw new AppError('disk-full', 'no space', { freeBytes: 12 })
      throw new TypeError('a defect')
    },
    // A handler that breaks its own contract, which types forbid.
    badOutput: () => ({ n: 'text' }) as never,
    badEvent: async (_input, { signal, emit }) => {
      // As above, for an event.
      emit({ n: 'text' } as never)
      await aborted(signal)
      emit({ n: 1 })
      return {}
    },
    count: async ({ to }, { emit }) => {
      let sum = 0
      for (let n = 1; n <= to; n++) {
        emit({ n })
        sum += n
        if (n % 10 === 0) await Promise.resolve()
      }
      return { sum }
    },
    wait: async (_input, { signal }) => {
      await aborted(signal)
      aborts++
      signal.throwIfAborted()
      return {}
    },
    waitThenAnswer: async (_input, { signal, emit }) => {
      emit({ started: true })
      await aborted(signal)
      return { finishReason: 'cancelled' }
    },
  }
  return { handlers, aborts: () => aborts }
}
