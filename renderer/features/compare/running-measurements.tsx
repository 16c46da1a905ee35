import { Square } from 'lucide-react'
import type { JobRecord } from '../../../electron/contract/domain.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { useAction } from '../../client/use-action.ts'
import { IconButton } from '../../ui/button.tsx'
import { formatDuration } from '../../ui/format.ts'
import { ProgressBar } from '../../ui/progress.tsx'

/** What is being measured now, and what waits. */
export function RunningMeasurements({ jobs }: { jobs: readonly JobRecord[] }) {
  const client = useClient()
  const cancel = useAction((id: string) => client.call('jobs.cancel', { id }))
  if (jobs.length === 0) return null
  return (
    <section aria-label="Running" className="flex flex-col gap-2 border-b border-line bg-canvas px-5 py-2.5">
      {cancel.error !== null && <ErrorView error={cancel.error} />}
      {jobs.map((job) => (
        <div key={job.id} className="flex items-center gap-3 text-sm">
          <span className="w-80 truncate text-ink">{job.title}</span>
          <ProgressBar
            label={job.title}
            value={job.progress === null || job.progress.total === 0 ? null : job.progress.done / job.progress.total}
            className="flex-1"
          />
          <span className="w-44 truncate text-right text-xs text-ink-3">{words(job)}</span>
          <IconButton
            size="sm"
            icon={Square}
            label={`Stop ${job.title}`}
            disabled={job.state === 'stopping'}
            onClick={() => void cancel.run(job.id)}
          />
        </div>
      ))}
    </section>
  )
}

function words({ state, progress }: JobRecord): string {
  if (state === 'queued') return 'waiting its turn'
  if (state === 'stopping') return 'stopping'
  if (progress === null) return 'starting'
  const done = `${progress.done} of ${progress.total} ${progress.unit}`
  return progress.etaSeconds === null ? done : `${done}, ${formatDuration(progress.etaSeconds)} left`
}
