/** Memory to run each version, by part: predicted outlined, measured filled, all on one scale. */
import type { CompareRow, Measurement, MemoryParts } from '../../../electron/contract/domain.ts'
import { totalMemory } from '../../../electron/plan/memory.ts'
import { formatMemory } from '../../ui/format.ts'
import { MEMORY_PARTS, MemoryBar } from '../../ui/memory-bar.tsx'
import { KindMark, ProtocolPopover } from '../../ui/stat.tsx'
import { Figure, TwinTable } from './figure.tsx'
import { measuredMemory, shortName, storyOf } from './rows.ts'

interface MemoryLine {
  readonly id: string
  readonly row: CompareRow
  readonly parts: MemoryParts
  /** null for a prediction. */
  readonly measured: Measurement | null
}

export function MemoryChart({ rows, budgetBytes }: { rows: readonly CompareRow[]; budgetBytes: number | null }) {
  const lines = rows.map((row) => ({ row, measured: measuredMemory(row) }))
  const scaleBytes = Math.max(
    ...lines.map(({ row, measured }) =>
      Math.max(totalMemory(row.predicted), measured === null ? 0 : totalMemory(measured.parts)),
    ),
    1,
  )
  const context = rows[0]?.contextLength
  return (
    <Figure
      title="Memory to run"
      caption={`Predicted at ${context ?? '–'} tokens of context${budgetBytes === null ? '' : `; ${formatMemory(budgetBytes)} free on this machine`}`}
      chart={
        <div className="flex flex-col gap-3">
          <ul className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-ink-2">
            {MEMORY_PARTS.map(({ key, label, color }) => (
              <li key={key} className="flex items-center gap-1.5">
                <span aria-hidden className="size-2.5 rounded-[2px]" style={{ background: color }} />
                {label}
              </li>
            ))}
          </ul>
          {lines.map(({ row, measured }) => (
            <div key={row.model.id} className="grid grid-cols-[7rem_minmax(0,1fr)_5rem] items-center gap-x-3 gap-y-0.5">
              <span title={row.model.name} className="truncate text-xs text-ink">
                {shortName(row)}
              </span>
              <MemoryBar compact kind="predicted" parts={row.predicted} budgetBytes={null} scaleBytes={scaleBytes} />
              <span className="text-right text-xs text-ink-3">{formatMemory(totalMemory(row.predicted))}</span>
              {measured !== null && (
                <>
                  <span />
                  <MemoryBar
                    compact
                    kind="measured"
                    parts={measured.parts}
                    budgetBytes={null}
                    scaleBytes={scaleBytes}
                  />
                  <span className="text-right text-xs font-medium text-ink">
                    {formatMemory(totalMemory(measured.parts))}
                  </span>
                </>
              )}
            </div>
          ))}
        </div>
      }
      table={
        <TwinTable
          rows={lines.flatMap(({ row, measured }): MemoryLine[] => [
            { id: `${row.model.id} predicted`, row, parts: row.predicted, measured: null },
            ...(measured === null
              ? []
              : [{ id: `${row.model.id} measured`, row, parts: measured.parts, measured: measured.measurement }]),
          ])}
          rowKey={({ id }) => id}
          columns={[
            { header: 'Version', cell: ({ row }) => row.model.name },
            {
              header: 'Kind',
              cell: ({ row, measured }) =>
                measured === null ? (
                  <Kind kind="predicted" />
                ) : (
                  <ProtocolPopover
                    protocol={storyOf(measured)}
                    label={`How the memory of ${row.model.name} was measured`}
                  >
                    <Kind kind="measured" />
                  </ProtocolPopover>
                ),
            },
            ...MEMORY_PARTS.map(({ key, label }) => ({
              header: label,
              align: 'right' as const,
              cell: ({ parts }: MemoryLine) => formatMemory(parts[key]),
            })),
            { header: 'Total', align: 'right', cell: ({ parts }) => formatMemory(totalMemory(parts)) },
          ]}
        />
      }
    />
  )
}

function Kind({ kind }: { kind: 'predicted' | 'measured' }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <KindMark kind={kind} />
      {kind}
    </span>
  )
}
