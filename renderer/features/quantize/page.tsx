/** The Quantize screen: a model, a plan for its layers, and the job that carries it out. */
import { Grid3x3 } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import type { JobRecord, ModelDetail, ModelSummary } from '../../../electron/contract/domain.ts'
import type { ErrorShape } from '../../../electron/contract/errors.ts'
import type { QuantConfig } from '../../../electron/contract/quant.ts'
import { BUILT_IN_PRESETS } from '../../../electron/plan/presets.ts'
import { suits } from '../../../electron/plan/resolve.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { hrefFor, navigate, useRoute } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { useDevice } from '../../client/use-device.ts'
import { useQuery, useWatch } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState } from '../../ui/empty-state.tsx'
import { PageHeader } from '../../ui/page.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { JobView } from './job-view.tsx'
import { isActive } from './job-words.ts'
import { KeptRun } from './kept-run.tsx'
import { ModelSelect } from './model-select.tsx'
import { configOf } from './plan-store.ts'
import { PlanView } from './plan-view.tsx'
import { PresetMenu } from './preset-menu.tsx'
import type { StartOptions } from './review-dialog.tsx'
import { usePlan, usePlanStore } from './use-plan-store.ts'

const DEFAULT_PRESET = '4-bit'
const DEFAULT_CONTEXT = 2048

export function QuantizePage() {
  const { params } = useRoute()
  const models = useWatch('models.watch', {})
  const jobs = useWatch('jobs.watch', {})
  const quantizable = models.data?.models.filter(({ quantizeProblem }) => quantizeProblem === null) ?? []
  const chosen = models.data?.models.find(({ id }) => id === params.model) ?? quantizable[0]
  const detail = useQuery('models.inspect', { id: chosen?.id ?? '' }, { enabled: chosen !== undefined })

  if (models.isLoading) return <SkeletonRows label="Loading models" />
  if (models.error !== null && models.data === undefined) {
    return <ErrorView className="m-5" error={models.error} onRetry={models.refetch} />
  }
  if (chosen === undefined) return <NoModel />
  const problem = chosen.quantizeProblem ?? detail.error
  return (
    <ModelScreen
      key={chosen.id}
      model={chosen}
      models={models.data?.models ?? []}
      jobs={jobs.data?.jobs ?? []}
      jobId={params.job ?? null}
      detail={detail.data?.summary.id === chosen.id ? detail.data : undefined}
      problem={problem}
      onRetry={detail.refetch}
    />
  )
}

interface ModelScreenProps {
  model: ModelSummary
  models: readonly ModelSummary[]
  jobs: readonly JobRecord[]
  /** The job the address names. */
  jobId: string | null
  detail: ModelDetail | undefined
  problem: Pick<ErrorShape, 'code' | 'message' | 'data'> | null
  onRetry(): void
}

function ModelScreen({ model, models, jobs, jobId, detail, problem, onRetry }: ModelScreenProps) {
  const client = useClient()
  const store = usePlanStore()
  const plan = usePlan(model.id)
  const allPresets = useQuery('presets.list', {}).data?.presets ?? BUILT_IN_PRESETS
  const linears = detail?.linears
  const presets = useMemo(
    () => allPresets.filter(({ builtIn, config }) => !builtIn || linears === undefined || suits(config, linears)),
    [allPresets, linears],
  )
  const settings = useQuery('settings.get', {})
  const { machine, memory } = useDevice()
  const [ownContext, setOwnContext] = useState<number | null>(null)
  const [leftJobId, setLeftJobId] = useState<string | null>(null)
  const wantedContext = ownContext ?? settings.data?.contextLength ?? DEFAULT_CONTEXT
  const contextLength = Math.min(wantedContext, model.config?.contextLength ?? wantedContext)

  useEffect(() => {
    if (detail === undefined || detail.linears.length === 0) return
    const preset = BUILT_IN_PRESETS.find(({ id }) => id === DEFAULT_PRESET)
    if (preset !== undefined) store.open(model.id, detail.linears, preset.config, preset.id)
  }, [store, model.id, detail])

  const start = useAction(async (config: QuantConfig, { name, measure }: StartOptions) => {
    const record = await client.call('quantize.start', {
      modelId: model.id,
      config,
      measure,
      ...(name === undefined ? {} : { name }),
    })
    navigate('quantize', { model: model.id, job: record.id }, { replace: true })
  })

  const own = jobs.filter(({ job }) => job.kind === 'quantize' && job.request.modelId === model.id)
  // A job that runs is shown without being asked for, unless the person went back to the plan.
  const shownJobId = jobId ?? own.find((record) => isActive(record) && record.id !== leftJobId)?.id ?? null
  const kept = own.find((record) => record.resumable && !isActive(record))

  function closeJob(): void {
    setLeftJobId(shownJobId)
    navigate('quantize', { model: model.id }, { replace: true })
  }

  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <PageHeader
        title="Quantize"
        beside={
          <div className="ml-2 flex items-center gap-3">
            <ModelSelect models={models} value={model.id} onChange={(id) => navigate('quantize', { model: id })} />
          </div>
        }
        actions={
          plan !== undefined &&
          shownJobId === null && (
            <PresetMenu
              presets={presets}
              presetId={plan.history.present.presetId}
              modelName={model.name}
              currentConfig={() => configOf(plan.history.present)}
              onApply={(config, presetId) => store.apply(model.id, config, presetId)}
              onSaved={(preset) => store.markPreset(model.id, preset.id)}
            />
          )
        }
      />
      {kept !== undefined && shownJobId === null && (
        <KeptRun record={kept} onShow={() => navigate('quantize', { model: model.id, job: kept.id })} />
      )}
      {problem !== null ? (
        <ErrorView className="m-5" error={problem} onRetry={onRetry} />
      ) : detail === undefined ? (
        <SkeletonRows label="Reading the model" rows={10} />
      ) : shownJobId !== null ? (
        <JobView
          key={shownJobId}
          jobId={shownJobId}
          attempt={jobs.find(({ id }) => id === shownJobId)?.attempts ?? 1}
          detail={detail}
          machine={machine}
          runsIn={memory}
          contextLength={contextLength}
          onClose={closeJob}
        />
      ) : plan === undefined ? (
        <EmptyState icon={Grid3x3} title="No linear layers">
          This model has nothing that can be quantized.
        </EmptyState>
      ) : (
        <PlanView
          detail={detail}
          plan={plan}
          store={store}
          machine={machine}
          runsIn={memory}
          contextLength={contextLength}
          onContextLength={setOwnContext}
          starting={start.pending}
          startProblem={start.error === null ? null : <ErrorView error={start.error} />}
          onStart={(config, options) => void start.run(config, options)}
        />
      )}
    </div>
  )
}

function NoModel() {
  return (
    <EmptyState
      icon={Grid3x3}
      title="No model to quantize"
      action={
        <Button asChild variant="primary">
          <a href={hrefFor('models')}>Add a model</a>
        </Button>
      }
    >
      Here you choose the bits of each layer, see what they cost, and quantize. It needs a model with unquantized
      weights.
    </EmptyState>
  )
}
