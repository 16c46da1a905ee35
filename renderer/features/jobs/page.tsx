import { ListChecks } from 'lucide-react'
import { hrefFor, useRoute } from '../../client/route.ts'
import { useWatch } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState } from '../../ui/empty-state.tsx'
import { SplitPane } from '../../ui/split-pane.tsx'
import { groupJobs, isActive } from './job-groups.ts'
import { JobList } from './job-list.tsx'
import { JobView } from './job-view.tsx'
import { useNow } from './use-now.ts'

/** Jobs: what runs, waits and is over, left; one of them, right. */
export function JobsPage() {
  const jobs = useWatch('jobs.watch', {})
  const { params } = useRoute()
  const all = jobs.data?.jobs ?? []
  const now = useNow(all.some(isActive))
  const selected = all.find(({ id }) => id === params.job) ?? groupJobs(all)[0]?.jobs[0]
  return (
    <SplitPane
      id="jobs"
      listLabel="All jobs"
      list={<JobList jobs={jobs} selectedId={selected?.id ?? null} now={now} />}
    >
      {selected ? (
        <JobView key={selected.id} job={selected} now={now} />
      ) : (
        jobs.data && (
          <EmptyState
            icon={ListChecks}
            title="No jobs yet"
            action={
              <Button asChild>
                <a href={hrefFor('quantize')}>Quantize a model</a>
              </Button>
            }
          >
            Quantizing and measuring run here, one at a time. They go on while this window is closed, as long as the app
            runs.
          </EmptyState>
        )
      )}
    </SplitPane>
  )
}
