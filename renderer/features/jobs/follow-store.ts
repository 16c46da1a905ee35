/** One job as it is followed: a snapshot, then pieces that are added to it. */
import type { JobDetail } from '../../../electron/contract/domain.ts'
import type { EventFor } from '../../client/query-cache.ts'

export type FollowEvent = EventFor<'jobs.follow'>

/** Log lines kept on the page; the record on disk has all of them. */
const MAX_LOG_LINES = 5000

/** `detail` after `event`. Pieces before the first snapshot are dropped. */
export function applyFollowEvent(detail: JobDetail | null, event: FollowEvent): JobDetail | null {
  if (event.type === 'snapshot') return event.detail
  if (!detail) return null
  switch (event.type) {
    case 'record':
      return { ...detail, record: event.record }
    case 'tensor': {
      // A resumed tensor is reported again: the newer result stands.
      const others = detail.tensors.filter(({ name }) => name !== event.tensor.name)
      return { ...detail, tensors: [...others, event.tensor] }
    }
    case 'log':
      return { ...detail, log: [...detail.log, { at: event.at, text: event.text }].slice(-MAX_LOG_LINES) }
  }
}
