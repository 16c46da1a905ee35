/** Every version of the model in one table; each measured number opens to its protocol. */
import { Gauge } from 'lucide-react'
import { useMemo } from 'react'
import type { CompareRow, Measurement } from '../../../electron/contract/domain.ts'
import { totalMemory } from '../../../electron/plan/memory.ts'
import { Badge } from '../../ui/badge.tsx'
import { IconButton } from '../../ui/button.tsx'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import {
  formatDisk,
  formatDuration,
  formatMemory,
  formatPercent,
  formatTokensPerSecond,
  significant,
} from '../../ui/format.ts'
import { KindMark, ProtocolPopover } from '../../ui/stat.tsx'
import { bitsPerWeightOf, measuredMemory, measurementOf, percentText, storyOf } from './rows.ts'

export type ChosenMetric =
  | 'perplexity'
  | 'decode-speed'
  | 'prefill-speed'
  | 'mean-kl'
  | 'accuracy'
  | 'accuracy-top5'
  | 'answer-accuracy'

export interface VersionsTableProps {
  rows: readonly CompareRow[]
  /** What they can be measured by. */
  sees: boolean
  writes: boolean
  /** The chosen protocol of each metric. */
  protocolKeys: Readonly<Record<ChosenMetric, string | null>>
  onMeasure(row: CompareRow): void
}

export function VersionsTable({ rows, sees, writes, protocolKeys, onMeasure }: VersionsTableProps) {
  const columns = useMemo<Column<CompareRow>[]>(() => {
    const original = rows.find(({ role }) => role === 'original')
    const reference = original === undefined ? null : measurementOf(original, 'perplexity', protocolKeys.perplexity)
    const measured = (metric: keyof typeof protocolKeys, header: string, format: (value: number) => string) => ({
      id: metric,
      header,
      align: 'right' as const,
      cell: (row: CompareRow) => (
        <Measured
          row={row}
          name={header}
          measurement={measurementOf(row, metric, protocolKeys[metric])}
          format={format}
        />
      ),
      sortBy: (row: CompareRow) => measurementOf(row, metric, protocolKeys[metric])?.value ?? null,
    })
    return [
      {
        id: 'name',
        header: 'Version',
        cell: (row) => (
          <span className="flex min-w-0 items-center gap-2">
            <span className="truncate font-medium text-ink">{row.model.name}</span>
            {row.role === 'original' ? (
              <Badge>original</Badge>
            ) : (
              <Badge tone="accent">{row.model.quantization?.label}</Badge>
            )}
          </span>
        ),
        sortBy: (row) => row.model.name,
      },
      {
        id: 'bits',
        header: 'Bits/weight',
        align: 'right',
        cell: (row) => bitsPerWeightOf(row)?.toFixed(2) ?? <span className="text-ink-3">{row.model.dtype}</span>,
        sortBy: bitsPerWeightOf,
      },
      {
        id: 'file',
        header: 'File',
        align: 'right',
        cell: (row) => formatDisk(row.model.fileBytes),
        sortBy: (row) => row.model.fileBytes,
      },
      {
        id: 'memory',
        header: 'Memory',
        align: 'right',
        cell: (row) => <Memory row={row} />,
        sortBy: (row) => totalMemory(measuredMemory(row)?.parts ?? row.predicted),
      },
      ...(sees && !writes
        ? [measured('accuracy', 'Top-1', percentText), measured('accuracy-top5', 'Top-5', percentText)]
        : []),
      ...(sees && writes ? [measured('answer-accuracy', 'To the letter', percentText)] : []),
      ...(writes
        ? [
            measured('perplexity', 'Perplexity', (value) => significant(value, 4)),
            {
              id: 'loss',
              header: 'Loss',
              align: 'right' as const,
              cell: (row: CompareRow) =>
                lossWords(measurementOf(row, 'perplexity', protocolKeys.perplexity), reference),
              sortBy: (row: CompareRow) => measurementOf(row, 'perplexity', protocolKeys.perplexity)?.value ?? null,
            },
          ]
        : []),
      measured('mean-kl', 'Mean KL', (value) => `${significant(value)} nats`),
      ...(writes
        ? [
            measured('decode-speed', 'Decode', formatTokensPerSecond),
            measured('prefill-speed', 'Prefill', formatTokensPerSecond),
          ]
        : []),
      {
        id: 'error',
        header: 'Mean error',
        align: 'right',
        cell: (row) => (row.meanRelativeError === null ? '–' : formatPercent(row.meanRelativeError)),
        sortBy: (row) => row.meanRelativeError,
      },
      {
        id: 'time',
        header: 'Quantized in',
        align: 'right',
        cell: (row) => (row.quantizeSeconds === null ? '–' : formatDuration(row.quantizeSeconds)),
        sortBy: (row) => row.quantizeSeconds,
      },
      {
        id: 'actions',
        header: '',
        headerLabel: 'Actions',
        align: 'right',
        cell: (row) => (
          <IconButton size="sm" icon={Gauge} label={`Measure ${row.model.name}`} onClick={() => onMeasure(row)} />
        ),
      },
    ]
  }, [rows, sees, writes, protocolKeys, onMeasure])
  return (
    <DataTable
      label="Versions"
      columns={columns}
      rows={rows}
      rowKey={(row) => row.model.id}
      minWidth="70rem"
      className="flex-none"
    />
  )
}

interface MeasuredProps {
  row: CompareRow
  name: string
  measurement: Measurement | null
  format(value: number): string
}

function Measured({ row, name, measurement, format }: MeasuredProps) {
  if (measurement === null) return <span className="text-ink-3">–</span>
  return (
    <ProtocolPopover protocol={storyOf(measurement)} label={`${name} of ${row.model.name}`}>
      {format(measurement.value)}
    </ProtocolPopover>
  )
}

/** Measured where it was, with the prediction to hold it against. */
function Memory({ row }: { row: CompareRow }) {
  const measured = measuredMemory(row)
  const predicted = formatMemory(totalMemory(row.predicted))
  if (measured === null) {
    return (
      <span className="inline-flex items-center gap-1.5">
        <KindMark kind="predicted" />
        {predicted}
      </span>
    )
  }
  return (
    <ProtocolPopover
      protocol={{ ...storyOf(measured.measurement), predicted: `${predicted} at ${row.contextLength} tokens` }}
      label={`Memory of ${row.model.name}`}
    >
      <span className="inline-flex items-center gap-1.5">
        <KindMark kind="measured" />
        {formatMemory(totalMemory(measured.parts))}
      </span>
    </ProtocolPopover>
  )
}

/** Perplexity against the original's, under the same protocol. */
function lossWords(measurement: Measurement | null, reference: Measurement | null): string {
  if (measurement === null || reference === null) return '–'
  if (measurement.modelId === reference.modelId) return '–'
  const ratio = measurement.value / reference.value - 1
  return `${ratio >= 0 ? '+' : '−'}${formatPercent(Math.abs(ratio), 2)}`
}
