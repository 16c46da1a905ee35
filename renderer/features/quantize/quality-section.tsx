/** What the choices are predicted to cost in quality, and the budget that finds better ones. */
import { useMemo, useState } from 'react'
import type { Choice } from '../../../electron/contract/quant.ts'
import {
  type Budget,
  type BudgetProblem,
  type BudgetResult,
  frontier,
  optimize,
  priceChoices,
  priceOf,
  uniformPlans,
} from '../../../electron/plan/budget.ts'
import { perplexityRatio } from '../../../electron/plan/predict.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { Button } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { significant } from '../../ui/format.ts'
import { Section } from '../../ui/page.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { Slider } from '../../ui/slider.tsx'
import { Stat } from '../../ui/stat.tsx'
import { FrontierChart } from './frontier-chart.tsx'
import { priceWords } from './price-words.ts'
import type { Quality } from './use-quality.ts'

export interface QualitySectionProps {
  quality: Quality
  /** Null without a table. */
  problem: BudgetProblem | null
  choices: ReadonlyMap<string, Choice>
  onApply(choices: ReadonlyMap<string, Choice>): void
  onClearPins(): void
}

export function QualitySection(props: QualitySectionProps) {
  const { quality, problem } = props
  if (quality.isLoading) return null
  return (
    <Section title="Quality" {...(quality.table === null ? {} : { description: describeTable(quality) })}>
      {problem === null ? <Measure quality={quality} /> : <Predicted {...props} problem={problem} />}
      {quality.error !== null && <ErrorView error={quality.error} />}
    </Section>
  )
}

function describeTable({ table }: Quality): string {
  return `${table?.layers.length ?? 0} layers measured on ${table?.tokens ?? 0} tokens of the model's own text`
}

function Measure({ quality: { job, measure } }: { quality: Quality }) {
  const progress = job?.progress ?? null
  return (
    <div className="flex flex-col items-start gap-2">
      <p className="text-xs text-ink-3">
        Measured once, each layer's loss under each bit width predicts the quality of any choice, and a budget can be
        spent on the layers that matter. It needs no data: the model writes the text itself.
      </p>
      <Button size="sm" pending={job !== null} onClick={measure}>
        Measure the layers
      </Button>
      {progress !== null && (
        <p role="status" className="text-xs text-ink-2">
          {progress.phase === 'candidates' ? 'Trying each layer' : 'Writing and reading text'}: {progress.done} of{' '}
          {progress.total} {progress.unit}
        </p>
      )}
    </div>
  )
}

const KINDS = [
  { value: 'bits', label: 'Bits' },
  { value: 'file', label: 'File' },
  { value: 'memory', label: 'Memory' },
] as const satisfies readonly { value: Budget['kind']; label: string }[]

function Predicted(props: QualitySectionProps & { problem: BudgetProblem }) {
  const { quality, problem, choices, onApply, onClearPins } = props
  const { calibration } = quality
  const [kind, setKind] = useState<Budget['kind']>('bits')
  const [wanted, setWanted] = useState<number | null>(null)
  const present = useMemo(() => priceChoices(problem, choices), [problem, choices])
  const best = useMemo(() => frontier(problem, kind), [problem, kind])
  const uniform = useMemo(() => uniformPlans(problem), [problem])
  const low = priceOf(best[0] ?? present, kind)
  const high = priceOf(best.at(-1) ?? present, kind)
  const value = Math.min(high, Math.max(low, wanted ?? priceOf(present, kind)))
  const found = useMemo(() => optimize(problem, { kind, value: value * (1 + 1e-9) }), [problem, kind, value])
  const pins = problem.pinned?.size ?? 0
  const more = (result: BudgetResult) => (perplexityRatio(result.quality, calibration) - 1) * 100
  return (
    <>
      <Stat
        label="Perplexity above the original"
        size="lg"
        kind="predicted"
        value={`${significant(more(present), 2)} %`}
        protocol={{
          'summed divergence': `${significant(present.quality.divergence, 3)} nats a token`,
          accuracy: accuracy(quality),
          extrapolated: `${present.quality.extrapolated} layers whose choice was not measured`,
          'not counted': `${present.quality.unknown} layers outside the blocks`,
        }}
      />
      <Field label="Budget">
        <Segmented
          size="sm"
          value={kind}
          onChange={(next) => {
            setKind(next)
            setWanted(null)
          }}
          options={KINDS}
        />
      </Field>
      <div className="flex items-center gap-3">
        <Slider
          label="Budget"
          value={value}
          min={low}
          max={high}
          step={(high - low) / 400 || 1}
          valueText={priceWords(value, kind)}
          onChange={setWanted}
        />
        <span className="w-24 shrink-0 text-right text-sm font-medium text-ink tabular-nums">
          {priceWords(value, kind)}
        </span>
      </div>
      <FrontierChart
        kind={kind}
        best={best}
        uniform={uniform}
        present={present}
        found={found}
        runs={quality.runs}
        ratio={more}
      />
      <div className="flex flex-wrap items-center gap-2">
        <p className="min-w-0 flex-1 text-xs text-ink-2" aria-live="polite">
          Best for {priceWords(priceOf(found, kind), kind)}: {significant(more(found), 2)} % above the original.
        </p>
        <Button size="sm" onClick={() => onApply(found.choices)}>
          Use these bits
        </Button>
      </div>
      {pins > 0 && (
        <p className="flex items-center gap-2 text-xs text-ink-3">
          {pins === 1 ? '1 pinned layer stays as it is.' : `${pins} pinned layers stay as they are.`}
          <Button size="sm" variant="ghost" onClick={onClearPins}>
            Unpin all
          </Button>
        </p>
      )}
    </>
  )
}

function accuracy({ calibration: { spread, runs } }: Quality): string {
  if (spread === null) return 'no version of this model was measured yet; as on the demo model'
  return `${runs} measured, off by ${significant((spread - 1) * 100, 2)} % of the perplexity`
}
