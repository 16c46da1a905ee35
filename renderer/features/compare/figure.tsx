import { type ReactNode, useId, useState } from 'react'
import { cn } from '../../ui/cn.ts'
import { Segmented } from '../../ui/segmented.tsx'

export interface FigureProps {
  title: string
  /** What is drawn, and under which protocol. */
  caption?: ReactNode
  chart: ReactNode
  /** The same numbers as a table. */
  table: ReactNode
  className?: string
}

/** A chart and its table twin: the same numbers, whichever way one reads. */
export function Figure({ title, caption, chart, table, className }: FigureProps) {
  const id = useId()
  const [form, setForm] = useState<'chart' | 'table'>('chart')
  return (
    <figure aria-labelledby={id} className={cn('flex min-w-0 flex-col gap-3 rounded-lg bg-canvas p-4', className)}>
      <figcaption className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <h2 id={id} className="text-sm font-semibold text-ink">
            {title}
          </h2>
          {caption && <p className="text-xs text-ink-3">{caption}</p>}
        </div>
        <Segmented
          aria-label={`Form of ${title}`}
          size="sm"
          value={form}
          onChange={setForm}
          options={[
            { value: 'chart', label: 'Chart' },
            { value: 'table', label: 'Table' },
          ]}
        />
      </figcaption>
      {form === 'chart' ? chart : table}
    </figure>
  )
}

export interface TwinColumn<R> {
  readonly header: string
  readonly align?: 'left' | 'right'
  cell(row: R): ReactNode
}

/** The plain table of a figure. */
export function TwinTable<R>(props: { columns: readonly TwinColumn<R>[]; rows: readonly R[]; rowKey(row: R): string }) {
  const { columns, rows, rowKey } = props
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-sm">
        <thead>
          <tr>
            {columns.map(({ header, align }) => (
              <th
                key={header}
                scope="col"
                className={cn(
                  'border-b border-line py-1 pr-4 text-xs font-medium whitespace-nowrap text-ink-3 last:pr-0',
                  align === 'right' ? 'text-right' : 'text-left',
                )}
              >
                {header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map(({ header, align, cell }) => (
                <td
                  key={header}
                  className={cn(
                    'border-b border-line/60 py-1 pr-4 whitespace-nowrap last:pr-0',
                    align === 'right' && 'text-right',
                  )}
                >
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
