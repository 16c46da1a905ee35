/** Bars per label: what each version makes of one picture. */
import { useState } from 'react'
import { Button } from '../../ui/button.tsx'
import { type ScoreRow, scoreRows } from './labels.ts'

export interface ScoreTableProps {
  labels: readonly string[]
  /** Of the original first. */
  versions: readonly { readonly id: string; readonly name: string; readonly shares: readonly number[] | undefined }[]
}

/** Rows that are shown at first. */
const SHOWN = 10

export function ScoreTable({ labels, versions }: ScoreTableProps) {
  const [all, setAll] = useState(false)
  const rows = scoreRows(
    labels,
    versions.map(({ shares }) => shares),
  )
  const shown = all ? rows : rows.slice(0, SHOWN)
  return (
    <div className="flex flex-col items-start gap-2">
      {/* Bars as long as a wide screen could not be followed back to their labels. */}
      <div className="w-full overflow-x-auto" style={{ maxWidth: `${16 + versions.length * 24}rem` }}>
        <table aria-label="Scores" className="w-full border-separate border-spacing-0 text-sm">
          <thead>
            <tr>
              <th scope="col" className="w-px py-1.5 pr-4 text-left text-xs font-medium text-ink-3">
                Label
              </th>
              {versions.map(({ id, name }) => (
                <th
                  key={id}
                  scope="col"
                  className="min-w-32 border-l border-line px-3 py-1.5 text-left text-xs font-medium text-ink-2"
                >
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <Row key={row.label} row={row} best={bestOf(rows, versions.length)} />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > SHOWN && (
        <Button size="sm" variant="ghost" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `Only the first ${SHOWN}` : `All ${rows.length} labels`}
        </Button>
      )}
    </div>
  )
}

/** The highest share of each version. */
function bestOf(rows: readonly ScoreRow[], versions: number): number[] {
  return Array.from({ length: versions }, (_, at) => Math.max(0, ...rows.map(({ shares }) => shares[at] ?? 0)))
}

function Row({ row: { label, shares }, best }: { row: ScoreRow; best: readonly number[] }) {
  return (
    <tr>
      <th scope="row" className="max-w-56 truncate py-0.5 pr-4 text-left font-normal text-ink" title={label}>
        {label}
      </th>
      {shares.map((share, at) => {
        const isBest = share !== null && share > 0 && share === best[at]
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the columns stay in their order
          <td key={at} className="border-l border-line px-3 py-0.5">
            {share === null ? (
              <span className="text-ink-3">–</span>
            ) : (
              <span className="flex items-center gap-2">
                <span aria-hidden className="h-3 min-w-0 flex-1 rounded-[2px] bg-sunken">
                  <span
                    className={`block h-3 rounded-[2px] ${isBest ? 'bg-accent' : 'bg-line-strong'}`}
                    style={{ width: `${share * 100}%` }}
                  />
                </span>
                <span className={`w-14 shrink-0 text-right ${isBest ? 'font-semibold text-ink' : 'text-ink-2'}`}>
                  {(share * 100).toFixed(1)}&nbsp;%
                </span>
              </span>
            )}
          </td>
        )
      })}
    </tr>
  )
}
