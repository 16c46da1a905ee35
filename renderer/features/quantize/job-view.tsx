/** A quantization while it runs and after: the same grid, now showing the error of each finished layer. */
import { ChartColumn, MessageSquare, Play, Square } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { Machine, ModelDetail } from '../../../electron/contract/domain.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { navigate } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { BlockGrid } from '../../ui/block-grid/block-grid.tsx'
import { errorCell, errorScale } from '../../ui/block-grid/error-cell.ts'
import { buildGrid, type CellNames } from '../../ui/block-grid/grid-model.ts'
import { GradientLegend } from '../../ui/block-grid/legend.tsx'
import { useNewPointed } from '../../ui/block-grid/pointed.ts'
import { Button } from '../../ui/button.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { formatPercent } from '../../ui/format.ts'
import { ActionBar } from '../../ui/page.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { SplitPane } from '../../ui/split-pane.tsx'
import { useColorTheme } from '../../ui/theme.ts'
import { CellStrip } from './cell-strip.tsx'
import type { RunsIn } from './estimate-pane.tsx'
import { JobFacts } from './job-facts.tsx'
import { JobProgressView } from './job-progress.tsx'
import { isActive } from './job-words.ts'
import { useJobFollow } from './use-job-follow.ts'
import { useJobPlan } from './use-job-plan.ts'

export interface JobViewProps {
  jobId: string
  /** Which run of the job this is. */
  attempt: number
  detail: ModelDetail
  machine: Machine | null
  /** The memory of the device that models run on. */
  runsIn: RunsIn
  contextLength: number
  /** Back to choosing. */
  onClose(): void
}

export function JobView({ jobId, attempt, detail, machine, runsIn, contextLength, onClose }: JobViewProps) {
  const client = useClient()
  const theme = useColorTheme()
  const { record, results, log, error } = useJobFollow(jobId, attempt)
  const pointed = useNewPointed()
  const [isAsking, setAsking] = useState(false)
  const estimate = useJobPlan(record, detail, { machine, runsIn, contextLength })
  const grid = useMemo(() => buildGrid(detail.linears), [detail])
  const scale = useMemo(() => errorScale([...results.values()].map((result) => result.relativeError)), [results])
  const rows = useMemo(() => new Map(estimate?.table.map((row) => [row.name, row]) ?? []), [estimate])
  const busy = record?.state === 'running' ? (record.progress?.detail ?? null) : null
  const view = useMemo(() => {
    const isKept = (name: string) => rows.get(name)?.choice.kind === 'keep'
    return (names: CellNames) => errorCell(names, { results, scale, theme, isKept, busy })
  }, [results, scale, theme, rows, busy])

  const cancel = useAction(() => client.call('jobs.cancel', { id: jobId }))
  const resume = useAction(() => client.call('jobs.retry', { id: jobId }))
  const active = record !== null && isActive(record)
  const resultId = record?.state === 'done' ? record.resultModelId : null
  useShortcut({
    keys: 'escape',
    label: active ? 'Stop' : 'Back to the plan',
    enabled: record !== null && record.state !== 'stopping',
    run: () => (active ? setAsking(true) : onClose()),
  })
  useShortcut({
    keys: 'mod+enter',
    label: 'Open in Compare',
    enabled: resultId !== null,
    run: () => navigate('compare', { model: detail.summary.id }),
  })

  if (error !== null) {
    return (
      <ErrorView
        className="m-5"
        error={error}
        actions={
          <Button size="sm" onClick={onClose}>
            Back to the plan
          </Button>
        }
      />
    )
  }
  if (record === null) return <SkeletonRows label="Loading the job" />
  const failure = cancel.error ?? resume.error ?? (active ? null : record.error)
  return (
    <SplitPane
      id="quantize"
      inspectorLabel="Job"
      inspectorWidth={320}
      inspector={
        <>
          <JobFacts record={record} results={results} log={log} estimate={estimate} />
          <ActionBar>
            {active ? (
              <>
                <p className="mr-auto text-xs text-ink-3">Stopping keeps finished tensors.</p>
                <Button
                  size="lg"
                  pending={cancel.pending || record.state === 'stopping'}
                  onClick={() => void cancel.run()}
                >
                  <Square aria-hidden />
                  {record.state === 'stopping' ? 'Stopping' : 'Stop'}
                </Button>
              </>
            ) : (
              <>
                <Button
                  size="lg"
                  variant={resultId === null && !record.resumable ? 'primary' : 'ghost'}
                  onClick={onClose}
                >
                  New plan
                </Button>
                {resultId !== null && (
                  <Button size="lg" onClick={() => navigate('chat', { model: resultId })}>
                    <MessageSquare aria-hidden />
                    Chat
                  </Button>
                )}
                {resultId !== null && (
                  <Button size="lg" variant="primary" onClick={() => navigate('compare', { model: detail.summary.id })}>
                    <ChartColumn aria-hidden />
                    Compare
                  </Button>
                )}
                {resultId === null && record.state !== 'done' && (
                  <Button size="lg" variant="primary" pending={resume.pending} onClick={() => void resume.run()}>
                    <Play aria-hidden />
                    {record.resumable ? 'Resume' : 'Try again'}
                  </Button>
                )}
              </>
            )}
          </ActionBar>
        </>
      }
    >
      <div className="flex flex-col gap-3 border-b border-line px-5 py-3">
        <JobProgressView record={record} />
        {!active && record.saved !== null && record.state !== 'done' && (
          <p className="text-sm text-ink-2">Kept: {record.saved}</p>
        )}
        {record.suspect && (
          <p className="text-sm text-warn-text">
            The engine stopped twice at this input. Trying again may end the same way; other settings may not.
          </p>
        )}
        {failure !== null && failure.code !== 'cancelled' && <ErrorView error={failure} />}
      </div>
      <div className="flex min-h-9 flex-wrap items-center gap-4 px-5 py-1.5">
        {scale.high > 0 ? (
          <GradientLegend
            label="Relative error, mean |W − W'| / mean |W|"
            low={formatPercent(scale.low, 2)}
            high={formatPercent(scale.high, 2)}
          />
        ) : (
          <span className="text-xs text-ink-3">Errors appear as layers are finished.</span>
        )}
      </div>
      <BlockGrid label="Error per layer" model={grid} view={view} onPoint={pointed.point} className="ml-5" />
      <CellStrip
        pointed={pointed}
        rows={rows}
        results={results}
        hint="Hover a cell, or move to it with Tab and the arrows, for its name and error."
      />
      <ConfirmDialog
        open={isAsking && active}
        onOpenChange={setAsking}
        title="Stop this job?"
        description="Finished tensors are kept, and the job can be resumed from there."
        confirmLabel="Stop"
        cancelLabel="Go on"
        onConfirm={() => {
          setAsking(false)
          void cancel.run()
        }}
      />
    </SplitPane>
  )
}
