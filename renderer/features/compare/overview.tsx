/** The table of versions and the charts, all under the chosen protocols. */
import { useMemo, useState } from 'react'
import type { CompareRow } from '../../../electron/contract/domain.ts'
import { useWatch } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { formatTokensPerSecond } from '../../ui/format.ts'
import { BarChart } from './bar-chart.tsx'
import { MemoryChart } from './memory-chart.tsx'
import { PerplexityChart } from './perplexity-chart.tsx'
import { ProtocolSelect } from './protocol-select.tsx'
import { abilitiesOf, measurementOf, type ProtocolOption, percentText, protocolsOf } from './rows.ts'
import { type ChosenMetric, VersionsTable } from './versions-table.tsx'

export interface OverviewProps {
  rows: readonly CompareRow[]
  onMeasure(row: CompareRow): void
}

export function Overview({ rows, onMeasure }: OverviewProps) {
  const engine = useWatch('engine.watch', {})
  const perplexity = useProtocol(rows, 'perplexity')
  const decode = useProtocol(rows, 'decode-speed')
  const prefill = useProtocol(rows, 'prefill-speed')
  const divergence = useProtocol(rows, 'mean-kl')
  const { sees, writes } = abilitiesOf(rows)
  // Labels, or questions answered to the letter: a family has the one or the other.
  const accuracyMetric = writes ? ('answer-accuracy' as const) : ('accuracy' as const)
  const accuracy = useProtocol(rows, accuracyMetric)
  const protocolKeys = useMemo(
    () => ({
      perplexity: perplexity.key,
      'decode-speed': decode.key,
      'prefill-speed': prefill.key,
      'mean-kl': divergence.key,
      accuracy: accuracy.key,
      // Of one measurement, under the same key.
      'accuracy-top5': accuracy.key,
      'answer-accuracy': accuracy.key,
    }),
    [perplexity.key, decode.key, prefill.key, divergence.key, accuracy.key],
  )
  const reference = rows.find(
    (row) => row.role === 'original' && measurementOf(row, 'perplexity', perplexity.key) === null,
  )
  return (
    <div className="flex min-h-0 flex-1 flex-col overflow-y-auto">
      <div className="flex flex-wrap items-center gap-x-5 gap-y-2 px-5 py-2.5">
        {sees && <ProtocolSelect label="Accuracy" total={rows.length} {...accuracy.select} />}
        {writes && <ProtocolSelect label="Perplexity" total={rows.length} {...perplexity.select} />}
        {divergence.options.length > 1 && (
          <ProtocolSelect label="Divergence" total={rows.length} {...divergence.select} />
        )}
        {decode.options.length > 1 && <ProtocolSelect label="Speed" total={rows.length} {...decode.select} />}
        {prefill.options.length > 1 && <ProtocolSelect label="Prefill" total={rows.length} {...prefill.select} />}
      </div>
      {reference !== undefined && perplexity.key !== null && (
        <p className="flex items-center gap-3 px-5 pb-2.5 text-sm text-ink-2">
          The original has no perplexity under this protocol, so the loss is not known.
          <Button size="sm" onClick={() => onMeasure(reference)}>
            Measure the original
          </Button>
        </p>
      )}
      <VersionsTable rows={rows} sees={sees} writes={writes} protocolKeys={protocolKeys} onMeasure={onMeasure} />
      <div className="grid grid-cols-1 gap-4 p-5 xl:grid-cols-2 3xl:grid-cols-4">
        {sees && (
          <BarChart
            title={writes ? 'Questions answered to the letter' : 'Accuracy, top-1'}
            metric={accuracyMetric}
            unit="Accuracy"
            full={100}
            format={percentText}
            rows={rows}
            protocolKey={accuracy.key}
            protocolWords={accuracy.words}
          />
        )}
        {writes && <PerplexityChart rows={rows} protocolKey={perplexity.key} protocolWords={perplexity.words} />}
        <MemoryChart rows={rows} budgetBytes={engine.data?.machine?.availableMemoryBytes ?? null} />
        {writes && (
          <>
            <BarChart
              title="Writing speed (decode)"
              metric="decode-speed"
              unit="Speed"
              format={formatTokensPerSecond}
              rows={rows}
              protocolKey={decode.key}
              protocolWords={decode.words}
            />
            <BarChart
              title="Reading speed (prefill)"
              metric="prefill-speed"
              unit="Speed"
              format={formatTokensPerSecond}
              rows={rows}
              protocolKey={prefill.key}
              protocolWords={prefill.words}
            />
          </>
        )}
      </div>
    </div>
  )
}

interface ChosenProtocol {
  readonly key: string | null
  readonly words: string
  readonly options: readonly ProtocolOption[]
  readonly select: { options: readonly ProtocolOption[]; value: string | null; onChange(key: string): void }
}

/** The chosen protocol of a metric; at first the one most versions were measured with. */
function useProtocol(rows: readonly CompareRow[], metric: ChosenMetric): ChosenProtocol {
  const [wanted, setWanted] = useState<string | null>(null)
  const options = useMemo(() => protocolsOf(rows, metric), [rows, metric])
  const chosen = options.find(({ key }) => key === wanted) ?? options[0]
  return {
    key: chosen?.key ?? null,
    words: chosen?.words ?? 'Not measured yet',
    options,
    select: { options, value: chosen?.key ?? null, onChange: setWanted },
  }
}
