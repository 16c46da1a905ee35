import {
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CirclePause,
  CircleStop,
  CircleX,
  LoaderCircle,
  type LucideIcon,
  TriangleAlert,
} from 'lucide-react'
import type { JobRecord, JobState } from '../../../electron/contract/domain.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { hrefFor } from '../../client/route.ts'
import type { QueryResult } from '../../client/use-query.ts'
import { cn } from '../../ui/cn.ts'
import { formatAgo } from '../../ui/format.ts'
import { ProgressBar } from '../../ui/progress.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { groupJobs, stateWords, timeOf } from './job-groups.ts'
import { phaseLabel } from './phases.ts'

const ICONS: Record<JobState, { icon: LucideIcon; className: string }> = {
  queued: { icon: CircleDashed, className: 'text-ink-3' },
  running: { icon: LoaderCircle, className: 'animate-spin text-accent-text' },
  stopping: { icon: LoaderCircle, className: 'animate-spin text-warn-text' },
  done: { icon: CircleCheck, className: 'text-ok-text' },
  failed: { icon: CircleX, className: 'text-danger-text' },
  cancelled: { icon: CircleStop, className: 'text-ink-3' },
  interrupted: { icon: CircleAlert, className: 'text-warn-text' },
  paused: { icon: CirclePause, className: 'text-ink-3' },
}

export interface JobListProps {
  jobs: QueryResult<{ jobs: JobRecord[] }>
  selectedId: string | null
  now: number
}

/** What runs, what waits, what is over. */
export function JobList({ jobs, selectedId, now }: JobListProps) {
  const groups = groupJobs(jobs.data?.jobs ?? [])
  return (
    <>
      <div className="flex h-14 shrink-0 items-center border-b border-line px-4">
        <h1 className="text-sm font-semibold text-ink">All jobs</h1>
      </div>
      {jobs.error ? (
        <ErrorView error={jobs.error} onRetry={jobs.refetch} className="m-3" />
      ) : jobs.isLoading ? (
        <SkeletonRows rows={3} label="Loading jobs" />
      ) : groups.length === 0 ? (
        <p className="p-4 text-ink-3">No jobs yet.</p>
      ) : (
        <div className="flex min-h-0 flex-1 flex-col gap-4 overflow-y-auto p-2">
          {groups.map(({ title, jobs: members }) => (
            <section key={title} aria-label={title}>
              <h2 className="px-2.5 pb-1 text-xs font-medium text-ink-3">{title}</h2>
              <ul className="flex flex-col gap-0.5">
                {members.map((job) => (
                  <li key={job.id}>
                    <JobCard job={job} isSelected={job.id === selectedId} now={now} />
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
      )}
    </>
  )
}

function JobCard({ job, isSelected, now }: { job: JobRecord; isSelected: boolean; now: number }) {
  const { icon: Icon, className } = ICONS[job.state]
  const { progress } = job
  const isRunning = job.state === 'running' || job.state === 'stopping'
  return (
    <a
      href={hrefFor('jobs', { job: job.id })}
      aria-current={isSelected ? 'true' : undefined}
      className={cn(
        'grid grid-cols-[auto_minmax(0,1fr)] items-center gap-x-2 rounded-md px-2.5 py-2 transition-colors duration-120 focus-visible:-outline-offset-1',
        isSelected ? 'bg-selected' : 'hover:bg-hover',
      )}
    >
      <Icon aria-label={stateWords(job.state).label} className={cn('size-4', className)} />
      <span className="truncate font-medium text-ink">{job.title}</span>
      <span className="col-start-2 flex items-center gap-1.5 text-xs text-ink-3">
        {job.suspect && <TriangleAlert aria-label="Stopped the engine twice" className="size-3 text-warn-text" />}
        {isRunning && progress ? phaseLabel(progress.phase) : stateWords(job.state).label}
        {!isRunning && ` · ${formatAgo(timeOf(job), now)}`}
      </span>
      {isRunning && (
        <ProgressBar
          className="col-start-2 mt-1.5"
          label={`Progress of ${job.title}`}
          value={progress && progress.total > 0 ? progress.done / progress.total : null}
        />
      )}
    </a>
  )
}
