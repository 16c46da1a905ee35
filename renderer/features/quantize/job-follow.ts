/**
 * What is known of a followed job, built from its events. Tensor results arrive in bursts; listeners are told at most once a
 * frame, so that thousands of them do not cost thousands of renderings. Without React.
 */
import { createStore, type StoreApi } from 'zustand/vanilla'
import type { AppContract } from '../../../electron/contract/app.ts'
import type { JobRecord, TensorResult } from '../../../electron/contract/domain.ts'
import type { EventOf } from '../../../electron/contract/method.ts'

export type FollowEvent = EventOf<AppContract['jobs.follow']>

export interface FollowedJob {
  /** null until the first snapshot. */
  readonly record: JobRecord | null
  readonly results: ReadonlyMap<string, TensorResult>
  readonly log: readonly { at: string; text: string }[]
}

export interface JobFollower {
  readonly state: StoreApi<FollowedJob>
  /** Forgets everything, before a new subscription. */
  reset(): void
  receive(event: FollowEvent): void
  /** The final record that ends the stream. */
  finish(record: JobRecord): void
}

const NOTHING: FollowedJob = { record: null, results: new Map(), log: [] }
const LOG_LINES = 500

/** `schedule` runs a function soon, once: a frame later in the window, at once in tests. */
export function createJobFollower(schedule: (flush: () => void) => void): JobFollower {
  const state = createStore<FollowedJob>(() => NOTHING)
  let waiting = new Map<string, TensorResult>()
  let scheduled = false

  function flush(): void {
    scheduled = false
    if (waiting.size === 0) return
    const arrived = waiting
    waiting = new Map()
    state.setState(({ results }) => ({ results: new Map([...results, ...arrived]) }))
  }

  return {
    state,
    reset() {
      waiting = new Map()
      state.setState(NOTHING)
    },
    receive(event) {
      switch (event.type) {
        case 'snapshot': {
          const { record, tensors, log } = event.detail
          waiting = new Map()
          state.setState({ record, results: new Map(tensors.map((tensor) => [tensor.name, tensor])), log })
          return
        }
        case 'record':
          state.setState({ record: event.record })
          return
        case 'log':
          state.setState(({ log }) => ({ log: [...log.slice(1 - LOG_LINES), { at: event.at, text: event.text }] }))
          return
        case 'tensor':
          waiting.set(event.tensor.name, event.tensor)
          if (scheduled) return
          scheduled = true
          schedule(flush)
      }
    },
    finish(record) {
      flush()
      state.setState({ record })
    },
  }
}
