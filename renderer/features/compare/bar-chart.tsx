/** One number of each version as a bar, under one protocol: speeds, accuracies. */
import type { CompareRow } from '../../../electron/contract/domain.ts'
import { ProtocolPopover } from '../../ui/stat.tsx'
import { Figure, TwinTable } from './figure.tsx'
import { type Metric, measurementOf, shortName, storyOf } from './rows.ts'

export interface BarChartProps {
  rows: readonly CompareRow[]
  metric: Metric
  title: string
  /** Header of the numbers in the table. */
  unit: string
  /** What a full bar stands for; the highest value when omitted. */
  full?: number
  format(value: number): string
  protocolKey: string | null
  protocolWords: string
}

export function BarChart({ rows, metric, title, unit, full, format, protocolKey, protocolWords }: BarChartProps) {
  const lines = rows.map((row) => ({ row, measurement: measurementOf(row, metric, protocolKey) }))
  const highest = full ?? Math.max(...lines.map(({ measurement }) => measurement?.value ?? 0), 1e-9)
  return (
    <Figure
      title={title}
      caption={protocolWords}
      chart={
        <ul className="flex flex-col gap-2">
          {lines.map(({ row, measurement }) => (
            <li key={row.model.id} className="grid grid-cols-[7rem_minmax(0,1fr)_5.5rem] items-center gap-3 text-xs">
              <span title={row.model.name} className="truncate text-ink">
                {shortName(row)}
              </span>
              <span aria-hidden className="h-3 rounded-sm bg-sunken shadow-[inset_0_0_0_1px_var(--line)]">
                {measurement !== null && (
                  <span
                    className="block h-full rounded-sm bg-accent"
                    style={{ width: `${(measurement.value / highest) * 100}%` }}
                  />
                )}
              </span>
              <span className="text-right text-ink">
                {measurement === null ? <span className="text-ink-3">not measured</span> : format(measurement.value)}
              </span>
            </li>
          ))}
        </ul>
      }
      table={
        <TwinTable
          rows={lines}
          rowKey={({ row }) => row.model.id}
          columns={[
            { header: 'Version', cell: ({ row }) => row.model.name },
            {
              header: unit,
              align: 'right',
              cell: ({ row, measurement }) =>
                measurement === null ? (
                  'not measured'
                ) : (
                  <ProtocolPopover protocol={storyOf(measurement)} label={`${title} of ${row.model.name}`}>
                    {format(measurement.value)}
                  </ProtocolPopover>
                ),
            },
          ]}
        />
      }
    />
  )
}
