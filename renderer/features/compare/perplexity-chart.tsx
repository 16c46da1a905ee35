/** Perplexity against bytes: what the saved space costs. Lower left is better. */
import { useRef } from 'react'
import type { CompareRow } from '../../../electron/contract/domain.ts'
import { useElementSize } from '../../ui/block-grid/grid-window.ts'
import { formatDisk, significant } from '../../ui/format.ts'
import { ProtocolPopover } from '../../ui/stat.tsx'
import { Figure, TwinTable } from './figure.tsx'
import { bitsPerWeightOf, measurementOf, shortName, storyOf } from './rows.ts'
import { layOutScatter, type PlotBox, type ScatterPoint } from './scatter-layout.ts'

export interface PerplexityChartProps {
  rows: readonly CompareRow[]
  protocolKey: string | null
  protocolWords: string
}

const HEIGHT = 280

export function PerplexityChart({ rows, protocolKey, protocolWords }: PerplexityChartProps) {
  const measured = rows.flatMap((row) => {
    const measurement = measurementOf(row, 'perplexity', protocolKey)
    return measurement === null ? [] : [{ row, measurement }]
  })
  const missing = rows.length - measured.length
  const points: ScatterPoint[] = measured.map(({ row, measurement }) => ({
    id: row.model.id,
    label: shortName(row),
    bytes: row.model.fileBytes,
    perplexity: measurement.value,
    isOriginal: row.role === 'original',
  }))
  return (
    <Figure
      title="Perplexity against size"
      caption={
        <>
          {protocolWords}
          {missing > 0 && `; ${missing} not measured so`}
        </>
      }
      chart={<Scatter points={points} />}
      table={
        <TwinTable
          rows={measured}
          rowKey={({ row }) => row.model.id}
          columns={[
            { header: 'Version', cell: ({ row }) => row.model.name },
            { header: 'File', align: 'right', cell: ({ row }) => formatDisk(row.model.fileBytes) },
            {
              header: 'Bits/weight',
              align: 'right',
              cell: ({ row }) => bitsPerWeightOf(row)?.toFixed(2) ?? '–',
            },
            {
              header: 'Perplexity',
              align: 'right',
              cell: ({ row, measurement }) => (
                <ProtocolPopover protocol={storyOf(measurement)} label={`Perplexity of ${row.model.name}`}>
                  {significant(measurement.value, 4)}
                </ProtocolPopover>
              ),
            },
          ]}
        />
      }
    />
  )
}

function Scatter({ points }: { points: readonly ScatterPoint[] }) {
  const frame = useRef<HTMLDivElement>(null)
  const { width } = useElementSize(frame)
  const box: PlotBox = { width, height: HEIGHT, left: 48, right: 12, top: 12, bottom: 40 }
  const layout = points.length === 0 ? null : layOutScatter(points, box)
  const words = points
    .map(({ label, bytes, perplexity }) => `${label}: ${formatDisk(bytes)}, perplexity ${significant(perplexity, 4)}`)
    .join('; ')
  return (
    <div ref={frame} style={{ height: HEIGHT }} className="min-w-0">
      {layout === null ? (
        <p className="grid h-full place-items-center text-sm text-ink-3">No version was measured with this protocol.</p>
      ) : (
        <svg role="img" aria-label={`Perplexity against file size. ${words}.`} width={width} height={HEIGHT}>
          {layout.yTicks.map(({ at, value }) => (
            <g key={value}>
              <line x1={box.left} x2={width - box.right} y1={at} y2={at} stroke="var(--line)" />
              <text x={box.left - 8} y={at + 4} textAnchor="end" className="fill-ink-3 text-xs">
                {value}
              </text>
            </g>
          ))}
          {layout.xTicks.map(({ at, value }) => (
            <text key={value} x={at} y={HEIGHT - box.bottom + 18} textAnchor="middle" className="fill-ink-3 text-xs">
              {value === 0 ? '0' : formatDisk(value, 2)}
            </text>
          ))}
          <line
            x1={box.left}
            x2={width - box.right}
            y1={HEIGHT - box.bottom}
            y2={HEIGHT - box.bottom}
            stroke="var(--line-strong)"
          />
          <text x={width - box.right} y={HEIGHT - 4} textAnchor="end" className="fill-ink-3 text-xs">
            file size
          </text>
          {layout.originalY !== null && (
            <line
              x1={box.left}
              x2={width - box.right}
              y1={layout.originalY}
              y2={layout.originalY}
              stroke="var(--ink-3)"
              strokeDasharray="3 4"
            />
          )}
          {layout.points.map((point) => (
            <g key={point.id}>
              <title>{`${point.label}: ${formatDisk(point.bytes)}, perplexity ${significant(point.perplexity, 4)}`}</title>
              {point.isOriginal ? (
                <rect
                  x={point.x - 4.5}
                  y={point.y - 4.5}
                  width={9}
                  height={9}
                  transform={`rotate(45 ${point.x} ${point.y})`}
                  className="fill-ink-2"
                />
              ) : (
                <circle cx={point.x} cy={point.y} r={5} className="fill-accent" />
              )}
              <text x={point.labelX} y={point.labelY} textAnchor={point.anchor} className="fill-ink text-xs">
                {point.label}
              </text>
            </g>
          ))}
        </svg>
      )}
    </div>
  )
}
