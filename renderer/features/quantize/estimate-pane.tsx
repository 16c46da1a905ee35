/** What the plan will cost on this machine, priced anew with every change. */
import { TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Estimate, Fit, ModelSummary } from '../../../electron/contract/domain.ts'
import type { ComputeDtype } from '../../../electron/contract/quant.ts'
import { endsLabel } from '../../../electron/plan/ends.ts'
import { expertTotals } from '../../../electron/plan/experts.ts'
import type { MachineMemory } from '../../../electron/plan/fit.ts'
import { LoadsIn, layersOfPlan } from '../../client/loads-in.tsx'
import { Field } from '../../ui/field.tsx'
import { formatDisk, formatMemory, significant } from '../../ui/format.ts'
import { MemoryBar } from '../../ui/memory-bar.tsx'
import { Section } from '../../ui/page.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { Stat } from '../../ui/stat.tsx'
import { Term } from '../../ui/tooltip.tsx'
import { ContextField } from './context-field.tsx'

const DTYPES = [
  { value: 'float16', label: 'float16' },
  { value: 'bfloat16', label: 'bfloat16' },
  { value: 'float32', label: 'float32' },
] as const satisfies readonly { value: ComputeDtype; label: string }[]

/** The memory that models run in, and the name of its device. */
export type RunsIn = (MachineMemory & { name: string }) | null

export interface EstimatePaneProps {
  estimate: Estimate
  model: ModelSummary
  runsIn: RunsIn
  onContextLength(tokens: number): void
  /** Of scales, zeros and kept tensors. */
  computeDtype: ComputeDtype
  onComputeDtype(dtype: ComputeDtype): void
  /** Stands below the sizes. */
  quality?: ReactNode
}

export function EstimatePane(props: EstimatePaneProps) {
  const { estimate, model, runsIn, onContextLength, computeDtype, onComputeDtype } = props
  const ratio = model.fileBytes / Math.max(estimate.fileBytes, 1)
  return (
    <div className="flex min-h-0 flex-1 flex-col gap-5 overflow-y-auto px-5 py-4">
      <div className="grid grid-cols-2 gap-3">
        <Stat
          label="File size"
          size="lg"
          kind="predicted"
          value={formatDisk(estimate.fileBytes)}
          protocol={{
            original: formatDisk(model.fileBytes),
            'of the original': `1 / ${significant(ratio, 3)}`,
            counts: 'packed weights, scales and zeros, kept tensors, headers',
          }}
        />
        <Stat
          label={
            <Term text="Everything stored for the quantized layers, scales and zeros included, per weight.">
              Bits per weight
            </Term>
          }
          size="lg"
          kind="predicted"
          value={significant(estimate.bitsPerWeight, 3)}
        />
      </div>

      {props.quality}

      <Section title="Memory to run" description={runsIn?.name}>
        <MemoryBar parts={estimate.run} budgetBytes={runsIn?.availableMemoryBytes ?? null} kind="predicted" legend />
        <FitNote fit={estimate.runFit} />
        {(model.config !== null || model.vision === undefined) && (
          <ContextField
            value={estimate.contextLength}
            max={model.config?.contextLength ?? 131_072}
            onChange={onContextLength}
          />
        )}
      </Section>

      <PartFacts estimate={estimate} model={model} />

      <Section title="Memory to quantize">
        <p className="flex items-baseline justify-between text-sm">
          <span className="text-ink-2">Peak, one tensor at a time</span>
          <span className="font-medium text-ink">{formatMemory(estimate.quantizeBytes)}</span>
        </p>
        <FitNote fit={estimate.quantizeFit} />
      </Section>

      <Field label="Scales, zeros and kept tensors" hint="float16 is what the Python libraries store.">
        <Segmented size="sm" value={computeDtype} onChange={onComputeDtype} options={DTYPES} />
      </Field>

      <LoadsIn
        model={{
          architecture: model.config?.architecture ?? '',
          storedFormat: null,
          layers: layersOfPlan(estimate.table),
        }}
      />

      {estimate.warnings.length > 0 && (
        <Section title="Worth a look">
          <ul className="flex flex-col gap-2">
            {estimate.warnings.map((warning) => (
              <li key={warning} className="flex gap-2 rounded-md bg-warn-soft px-2.5 py-2 text-xs text-ink">
                <TriangleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0 text-warn-text" />
                {warning}
              </li>
            ))}
          </ul>
        </Section>
      )}
    </div>
  )
}

/** What single parts get: embeddings and head, and one expert of a mixture. */
function PartFacts({ estimate, model }: Pick<EstimatePaneProps, 'estimate' | 'model'>) {
  const ends = endsLabel(estimate.table, model.config?.tiedEmbeddings ?? false)
  const experts = expertTotals(estimate.table)
  if (ends === null && experts === null) return null
  return (
    <Section title="Parts">
      <ul className="flex flex-col gap-1 text-xs text-ink-2">
        {ends !== null && <li className="first-letter:uppercase">{ends}</li>}
        {experts !== null && (
          <li>
            {experts.count} experts, {formatMemory(experts.bytes / experts.count)} each
          </li>
        )}
      </ul>
    </Section>
  )
}

/** The judgement in words; quiet while all is well. */
function FitNote({ fit }: { fit: Fit }) {
  if (fit.verdict === 'fits') return <p className="text-xs text-ink-3">{fit.reason}</p>
  const isTooBig = fit.verdict === 'too-big'
  return (
    <p
      className={
        isTooBig
          ? 'rounded-md bg-danger-soft px-2.5 py-2 text-xs text-danger-text'
          : 'rounded-md bg-warn-soft px-2.5 py-2 text-xs text-warn-text'
      }
    >
      <span className="font-semibold">{isTooBig ? 'Too big. ' : 'Tight. '}</span>
      {fit.reason}
    </p>
  )
}
