import { useEffect, useRef } from 'react'
import type { JobRecord } from '../../electron/contract/domain.ts'
import { useQueryCache } from '../client/context.tsx'
import { errorWords } from '../client/error-words.ts'
import { navigate, useRoute } from '../client/route.ts'
import { useWatch } from '../client/use-query.ts'
import { toast } from '../ui/toast.tsx'

/** When a job ends: refreshes what it may have changed, and tells a reader who is on another screen. */
export function useJobNews(): void {
  const cache = useQueryCache()
  const { data } = useWatch('jobs.watch', {})
  const { screen } = useRoute()
  const before = useRef<readonly JobRecord[] | null>(null)
  useEffect(() => {
    if (!data) return
    const ended = before.current ? endedJobs(before.current, data.jobs) : []
    before.current = data.jobs
    if (ended.length === 0) return
    cache.invalidate('compare.rows')
    if (screen === 'jobs' || screen === 'quantize') return
    for (const job of ended) announce(job)
  }, [data, cache, screen])
}

/** Jobs that were under way in `before` and are over in `after`. */
export function endedJobs(before: readonly JobRecord[], after: readonly JobRecord[]): JobRecord[] {
  const active = new Set(before.filter(isUnderWay).map(({ id }) => id))
  return after.filter((job) => active.has(job.id) && !isUnderWay(job))
}

function isUnderWay({ state }: JobRecord): boolean {
  return state === 'queued' || state === 'running' || state === 'stopping'
}

function announce(job: JobRecord): void {
  const details = { label: 'Details', run: () => navigate('jobs', { job: job.id }) }
  if (job.state === 'done') {
    const { resultModelId } = job
    const open = { label: 'Open', run: () => navigate('models', { model: resultModelId ?? undefined }) }
    toast.done(job.title, { description: 'Done', action: resultModelId ? open : details })
  } else if (job.state === 'failed' || job.state === 'interrupted') {
    toast.failed(job.title, {
      description: job.error ? errorWords(job.error.code).title : 'Ended early',
      action: details,
    })
  }
}
