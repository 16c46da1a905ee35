/** The Compare screen: every version of a model, what was predicted and what was measured. */
import { ChartColumn, Download, FileText, Gauge } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import type { CompareRow, ModelSummary } from '../../../electron/contract/domain.ts'
import { uselessBecause } from '../../../electron/plan/abilities.ts'
import { useQueryCache } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { familyOf, sourcesOf } from '../../client/families.ts'
import { hrefFor, navigate, useRoute } from '../../client/route.ts'
import { useQuery, useWatch } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { downloadText, safeFileName } from '../../ui/download.ts'
import { EmptyState } from '../../ui/empty-state.tsx'
import { Menu } from '../../ui/menu.tsx'
import { ActionBar, PageHeader } from '../../ui/page.tsx'
import { Select } from '../../ui/select.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import { BlindVote } from './blind-vote.tsx'
import { useDifferenceRuns } from './difference-runs.ts'
import { ErrorComparison } from './error-comparison.tsx'
import { rowsToCsv, rowsToJson } from './export-rows.ts'
import { MeasureDialog } from './measure-dialog.tsx'
import { OnAText } from './on-a-text.tsx'
import { Overview } from './overview.tsx'
import { ReportDialog } from './report-dialog.tsx'
import { abilitiesOf } from './rows.ts'
import { RunningMeasurements } from './running-measurements.tsx'
import { SideBySide } from './side-by-side.tsx'

export function ComparePage() {
  const { params } = useRoute()
  const models = useWatch('models.watch', {})
  const list = models.data?.models ?? []
  const sources = useMemo(() => sourcesOf(models.data?.models ?? []), [models.data])
  const chosen = familyOf(list, params.model) ?? sources[0]

  if (models.isLoading) return <SkeletonRows label="Loading models" />
  if (models.error !== null && models.data === undefined) {
    return <ErrorView className="m-5" error={models.error} onRetry={models.refetch} />
  }
  if (chosen === undefined) {
    return (
      <EmptyState
        icon={ChartColumn}
        title="Nothing to compare"
        action={
          <Button asChild variant="primary">
            <a href={hrefFor('models')}>Add a model</a>
          </Button>
        }
      >
        Every version of a model stands here side by side: size, memory, perplexity, speed and the error of each layer.
      </EmptyState>
    )
  }
  return <Family key={chosen.id} source={chosen} sources={sources} models={list} />
}

/** What only models that write can be compared by. */
const WRITING_TABS = [
  { value: 'answers', label: 'Side by side' },
  { value: 'text', label: 'On a text' },
  { value: 'blind', label: 'Blind vote' },
] as const

type View = 'versions' | 'errors' | 'answers' | 'text' | 'blind'

interface FamilyProps {
  source: ModelSummary
  sources: readonly ModelSummary[]
  models: readonly ModelSummary[]
}

function Family({ source, sources, models }: FamilyProps) {
  const cache = useQueryCache()
  const compare = useQuery('compare.rows', { modelId: source.id })
  const jobs = useWatch('jobs.watch', {})
  const [tab, setTab] = useState<View>('versions')
  const [reporting, setReporting] = useState(false)
  const runs = useDifferenceRuns()
  const [measuring, setMeasuring] = useState<readonly string[] | null>(null)
  const rows = compare.data?.rows ?? []
  const ids = new Set(rows.map(({ model }) => model.id))
  const evaluations = (jobs.data?.jobs ?? []).filter(
    ({ job }) => job.kind === 'evaluate' && ids.has(job.request.modelId),
  )
  const running = evaluations.filter(({ state }) => state === 'queued' || state === 'running' || state === 'stopping')

  // A finished measurement or a new version changes the rows.
  const finishedKey = evaluations
    .flatMap((job) => (job.finishedAt === null ? [] : `${job.id} ${job.finishedAt}`))
    .join()
  const modelsKey = models.map(({ id }) => id).join()
  // biome-ignore lint/correctness/useExhaustiveDependencies: the keys say when to ask again
  useEffect(() => cache.invalidate('compare.rows'), [cache, finishedKey, modelsKey])

  const showsNumbers = tab === 'versions' || tab === 'errors'
  const measureMissing = () => setMeasuring(unmeasured(rows))
  useShortcut({
    keys: 'mod+enter',
    label: 'Measure',
    enabled: rows.length > 0 && measuring === null && showsNumbers,
    run: measureMissing,
  })

  return (
    <div className="flex min-h-0 flex-1 flex-col bg-surface">
      <PageHeader
        title="Compare"
        beside={
          <Select
            aria-label="Model"
            className="ml-2 w-40 md:w-64"
            value={source.id}
            onChange={(id) => navigate('compare', { model: id })}
            options={sources.map((model) => ({
              value: model.id,
              label: model.name,
              hint: versionsHint(model, models),
            }))}
          />
        }
        actions={
          <>
            <Button disabled={rows.length === 0} onClick={() => setReporting(true)}>
              <FileText aria-hidden />
              Report
            </Button>
            <Menu
              items={[
                {
                  label: 'Table as CSV',
                  onSelect: () => downloadText(`${safeFileName(source.name)}.csv`, rowsToCsv(rows), 'text/csv'),
                },
                {
                  label: 'Everything as JSON',
                  onSelect: () => downloadText(`${safeFileName(source.name)}.json`, rowsToJson(rows)),
                },
              ]}
            >
              <Button disabled={rows.length === 0}>
                <Download aria-hidden />
                Export
              </Button>
            </Menu>
          </>
        }
      />
      <RunningMeasurements jobs={running} />
      {compare.error !== null && compare.data === undefined ? (
        <ErrorView className="m-5" error={compare.error} onRetry={compare.refetch} />
      ) : compare.data === undefined ? (
        <SkeletonRows label="Loading the comparison" rows={8} />
      ) : (
        <Tabs
          label="Views"
          value={tab}
          onChange={setTab}
          tabs={[
            { value: 'versions', label: 'Versions', count: rows.length },
            { value: 'errors', label: 'Error per layer' },
            ...(abilitiesOf(rows).writes ? WRITING_TABS : []),
          ]}
        >
          {tab === 'versions' && <Overview rows={rows} onMeasure={(row) => setMeasuring([row.model.id])} />}
          {tab === 'errors' && <ErrorComparison rows={rows} />}
          {tab === 'answers' && <SideBySide rows={rows} run={runs.answers} />}
          {tab === 'text' && <OnAText rows={rows} run={runs.text} />}
          {tab === 'blind' && <BlindVote rows={rows} run={runs.blind} />}
        </Tabs>
      )}
      {showsNumbers && (
        <ActionBar>
          {rows.length === 1 && rows[0]?.role === 'original' && (
            <p className="mr-auto text-sm text-ink-3">
              Only the original so far.{' '}
              <a className="text-accent-text underline" href={hrefFor('quantize', { model: source.id })}>
                Quantize it
              </a>{' '}
              to have something to compare.
            </p>
          )}
          <Button variant="primary" size="lg" disabled={rows.length === 0} onClick={measureMissing}>
            <Gauge aria-hidden />
            Measure
          </Button>
        </ActionBar>
      )}
      {reporting && <ReportDialog rows={rows} onClose={() => setReporting(false)} />}
      {measuring !== null && <MeasureDialog rows={rows} initial={measuring} onClose={() => setMeasuring(null)} />}
    </div>
  )
}

/** Versions without any number; all runnable ones when each has some. */
function unmeasured(rows: readonly CompareRow[]): string[] {
  const runnable = rows.filter(({ model }) => uselessBecause(model) === null)
  const usual = abilitiesOf(rows).writes ? 'perplexity' : 'accuracy'
  const missing = runnable.filter(({ measurements }) => !measurements.some(({ metric }) => metric === usual))
  return (missing.length > 0 ? missing : runnable).map(({ model }) => model.id)
}

function versionsHint(source: ModelSummary, models: readonly ModelSummary[]): string {
  const made = models.filter(({ quantization }) => quantization?.sourceModelId === source.id).length
  return made === 1 ? '1 quantized version' : `${made} quantized versions`
}
