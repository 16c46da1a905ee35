import { ArrowUpToLine, Box, CirclePause, CircleStop, FolderOpen, Grid3x3, RotateCw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { JobRecord } from '../../../electron/contract/domain.ts'
import { useClient, useConnection } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { navigate } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { useWatch } from '../../client/use-query.ts'
import { Badge } from '../../ui/badge.tsx'
import { Button, IconButton } from '../../ui/button.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { formatDateTime, formatDuration } from '../../ui/format.ts'
import { ActionBar, PageHeader } from '../../ui/page.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import { canPause, isActive, keptByStop, nextAction, stateWords } from './job-groups.ts'
import { JobProgress } from './job-progress.tsx'
import { JobLog, JobRequestText, TensorResultTable } from './job-tables.tsx'
import { useJobDetail } from './use-job-detail.ts'

type View = 'tensors' | 'log' | 'request'

/** One job: how far it is, what it did, what can be done with it. `job` is the record from the list, newer than the detail. */
export function JobView({ job, now }: { job: JobRecord; now: number }) {
  const { detail, error } = useJobDetail(job.id, job.attempts)
  const [dialog, setDialog] = useState<'stop' | 'remove' | null>(null)
  const makesTensors = job.job.kind === 'quantize' || job.job.kind === 'download-quantize'
  const [view, setView] = useState<View>(makesTensors ? 'tensors' : 'log')
  const words = stateWords(job.state)
  const stalled = job.state === 'running' ? job.stalledSince : null
  return (
    <>
      <PageHeader
        level={2}
        title={job.title}
        beside={stalled ? <Badge tone="warn">Stalled</Badge> : <Badge tone={words.tone}>{words.label}</Badge>}
        subtitle={`Asked for ${formatDateTime(job.createdAt)}`}
        actions={
          !isActive(job) && <IconButton label="Remove from history" icon={Trash2} onClick={() => setDialog('remove')} />
        }
      />
      <div className="flex shrink-0 flex-col gap-4 border-b border-line px-5 py-4">
        <JobProgress record={job} now={now} />
        {job.error && job.state !== 'cancelled' && <ErrorView error={job.error} />}
        {stalled !== null && (
          <div className="flex flex-wrap items-center gap-3 text-sm text-warn-text">
            <span>
              <span role="alert">This job does not move any more and may hang.</span> Last progress{' '}
              {formatDuration(Math.max(0, Math.floor((now - Date.parse(stalled)) / 1000)))} ago.
            </span>
            <Button size="sm" onClick={() => setDialog('stop')}>
              End it
            </Button>
            <span className="text-ink-3">An engine that does not answer within 5 s is ended; the app goes on.</span>
          </div>
        )}
        {job.suspect && (
          <p className="text-sm text-warn-text">
            This input stopped the engine twice. It may do so again; the log below has what was reported.
          </p>
        )}
        {job.saved && <p className="text-sm text-ink-2">{job.saved}</p>}
      </div>
      <Tabs
        label="Details of the job"
        value={view}
        onChange={setView}
        tabs={[
          ...(makesTensors
            ? [{ value: 'tensors' as const, label: 'Tensors', count: detail?.tensors.length ?? 0 }]
            : []),
          { value: 'log', label: 'Log' },
          { value: 'request', label: 'Request' },
        ]}
      >
        {view === 'request' ? (
          <JobRequestText record={job} />
        ) : error ? (
          <ErrorView error={error} className="m-5" />
        ) : !detail ? (
          <SkeletonRows label="Loading the job" className="p-5" />
        ) : view === 'tensors' ? (
          <TensorResultTable tensors={detail.tensors} />
        ) : (
          <JobLog log={detail.log} />
        )}
      </Tabs>
      <JobActions job={job} onStop={() => setDialog('stop')} />
      {dialog === 'stop' && <StopDialog job={job} onClose={() => setDialog(null)} />}
      {dialog === 'remove' && <RemoveDialog job={job} onClose={() => setDialog(null)} />}
    </>
  )
}

function JobActions({ job, onStop }: { job: JobRecord; onStop(): void }) {
  const client = useClient()
  const { host } = useConnection()
  const { data } = useWatch('models.watch', {})
  const retry = useAction(async () => {
    const again = await client.call('jobs.retry', { id: job.id })
    navigate('jobs', { job: again.id }, { replace: true })
  })
  const pause = useAction(() => client.call('jobs.pause', { id: job.id }))
  const first = useAction(() => client.call('jobs.prioritize', { id: job.id }))
  const reveal = useAction((path: string) => client.call('files.reveal', { path }))
  const again = nextAction(job)
  const gridModel = job.job.kind === 'quantize' ? job.job.request.modelId : null
  const result = data?.models.find(({ id }) => id === job.resultModelId)
  const failure = retry.error ?? pause.error ?? first.error ?? reveal.error
  return (
    <>
      {failure && <ErrorView error={failure} className="mx-5 mb-3" />}
      <ActionBar>
        {result && host?.canReveal && (
          <Button onClick={() => void reveal.run(result.path)}>
            <FolderOpen aria-hidden />
            Show in folder
          </Button>
        )}
        {gridModel !== null && (
          <Button onClick={() => navigate('quantize', { model: gridModel, job: job.id })}>
            <Grid3x3 aria-hidden />
            Show on the grid
          </Button>
        )}
        {result && (
          <Button variant="primary" onClick={() => navigate('models', { model: result.id })}>
            <Box aria-hidden />
            Open the model
          </Button>
        )}
        {again && (
          <Button variant="primary" pending={retry.pending} onClick={() => void retry.run()}>
            <RotateCw aria-hidden />
            {again}
          </Button>
        )}
        {job.state === 'queued' && (
          <Button pending={first.pending} onClick={() => void first.run()}>
            <ArrowUpToLine aria-hidden />
            Let it go first
          </Button>
        )}
        {canPause(job) && (
          <Button pending={pause.pending} disabled={job.state === 'stopping'} onClick={() => void pause.run()}>
            <CirclePause aria-hidden />
            Pause
          </Button>
        )}
        {isActive(job) && (
          <Button variant="danger-ghost" disabled={job.state === 'stopping'} onClick={onStop}>
            <CircleStop aria-hidden />
            {job.state === 'stopping' ? 'Stopping' : 'Stop'}
          </Button>
        )}
      </ActionBar>
    </>
  )
}

function StopDialog({ job, onClose }: { job: JobRecord; onClose(): void }) {
  const client = useClient()
  const stop = useAction(async () => {
    await client.call('jobs.cancel', { id: job.id })
    onClose()
  })
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Stop this job?"
      description={
        <>
          <p>{keptByStop(job)}</p>
          {stop.error && <ErrorView error={stop.error} className="mt-3" />}
        </>
      }
      confirmLabel="Stop"
      cancelLabel="Go on"
      pending={stop.pending}
      onConfirm={() => void stop.run()}
    />
  )
}

function RemoveDialog({ job, onClose }: { job: JobRecord; onClose(): void }) {
  const client = useClient()
  const remove = useAction(async () => {
    await client.call('jobs.remove', { id: job.id })
    navigate('jobs', {}, { replace: true })
    onClose()
  })
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Remove this job from the history?"
      description={
        <>
          <p>
            {job.state === 'done'
              ? 'The record and its log go. The model it made stays.'
              : 'The record, its log and what an unfinished run had kept are deleted. It cannot be resumed afterwards.'}
          </p>
          {remove.error && <ErrorView error={remove.error} className="mt-3" />}
        </>
      }
      confirmLabel="Remove"
      danger={job.resumable}
      pending={remove.pending}
      onConfirm={() => void remove.run()}
    />
  )
}
