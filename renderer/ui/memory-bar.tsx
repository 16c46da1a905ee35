import { cn } from './cn.ts'
import { formatMemory, formatPercent } from './format.ts'

/** Bytes of each part; the same five everywhere. */
export interface MemoryPartBytes {
  readonly weights: number
  readonly metadata: number
  readonly kvCache: number
  readonly scratch: number
  readonly other: number
}

export const MEMORY_PARTS = [
  { key: 'weights', label: 'Weights', color: 'var(--mem-weights)' },
  { key: 'metadata', label: 'Metadata', color: 'var(--mem-metadata)' },
  { key: 'kvCache', label: 'KV cache', color: 'var(--mem-kv)' },
  { key: 'scratch', label: 'Scratch', color: 'var(--mem-scratch)' },
  { key: 'other', label: 'Other', color: 'var(--mem-other)' },
] as const satisfies readonly { key: keyof MemoryPartBytes; label: string; color: string }[]

/** Amber from 80 % of the budget, red from 90 %. */
export function memoryLevel(totalBytes: number, budgetBytes: number): 'ok' | 'warn' | 'danger' {
  const share = budgetBytes > 0 ? totalBytes / budgetBytes : 0
  return share >= 0.9 ? 'danger' : share >= 0.8 ? 'warn' : 'ok'
}

/** Sum of the five parts in bytes. */
export function memoryTotal(parts: MemoryPartBytes): number {
  return MEMORY_PARTS.reduce((sum, { key }) => sum + parts[key], 0)
}

export interface MemoryBarProps {
  parts: MemoryPartBytes
  /** What the machine can give, in bytes; null draws the parts against their own sum. */
  budgetBytes: number | null
  /** Predicted parts are outlined, measured ones filled. */
  kind: 'predicted' | 'measured'
  /** Bytes at the right end of the bar; bars that are compared share one. Default: the budget, or the sum where that is larger. */
  scaleBytes?: number
  /** Adds the list of parts with their bytes below. */
  legend?: boolean
  /** One line only, for tables. */
  compact?: boolean
  className?: string
}

/** Memory by part against the budget, as a bar, in words and (with `legend`) as a list. */
export function MemoryBar({ parts, budgetBytes, kind, scaleBytes, legend, compact, className }: MemoryBarProps) {
  const total = memoryTotal(parts)
  const scale = Math.max(scaleBytes ?? Math.max(budgetBytes ?? 0, total), 1)
  const level = budgetBytes === null ? 'ok' : memoryLevel(total, budgetBytes)
  const summary = MEMORY_PARTS.map(({ key, label }) => `${label} ${formatMemory(parts[key])}`).join(', ')
  return (
    <div className={cn('flex min-w-0 flex-col gap-1.5', className)}>
      <div
        role="img"
        aria-label={`${kind === 'predicted' ? 'Predicted' : 'Measured'} memory: ${formatMemory(total)}${budgetBytes ? ` of ${formatMemory(budgetBytes)}` : ''}. ${summary}.`}
        className={cn(
          'relative w-full rounded-sm bg-sunken shadow-[inset_0_0_0_1px_var(--line)]',
          compact ? 'h-3' : 'h-5',
        )}
      >
        <div className="absolute inset-0.5 flex gap-px overflow-hidden rounded-[2px]">
          {MEMORY_PARTS.map(({ key, color }) => (
            <div
              key={key}
              style={{
                width: `${(parts[key] / scale) * 100}%`,
                ...(kind === 'measured'
                  ? { background: color }
                  : {
                      boxShadow: `inset 0 0 0 1.5px ${color}`,
                      background: `color-mix(in oklab, ${color} 16%, transparent)`,
                    }),
              }}
              className="h-full shrink-0 rounded-[1px] transition-[width] duration-150"
            />
          ))}
        </div>
        {budgetBytes !== null && budgetBytes < scale * 0.995 && (
          <div style={{ left: `${(budgetBytes / scale) * 100}%` }} className="absolute -inset-y-1 w-0.5 bg-danger" />
        )}
      </div>
      {!compact && budgetBytes !== null && (
        <p className="flex justify-between gap-2 text-xs text-ink-3">
          <span>
            <span className="font-medium text-ink">{formatMemory(total)}</span> of {formatMemory(budgetBytes)}
          </span>
          <span
            className={cn(
              level === 'danger' ? 'font-medium text-danger-text' : level === 'warn' && 'font-medium text-warn-text',
            )}
          >
            {formatPercent(total / Math.max(budgetBytes, 1), 2)}
            {total > budgetBytes ? ', too big' : level !== 'ok' && ', tight'}
          </span>
        </p>
      )}
      {legend && <MemoryLegend parts={parts} kind={kind} />}
    </div>
  )
}

/** The five parts by name with their bytes. */
export function MemoryLegend({ parts, kind }: { parts: MemoryPartBytes; kind: 'predicted' | 'measured' }) {
  return (
    <dl className="grid grid-cols-[auto_1fr_auto] items-center gap-x-2 gap-y-0.5 text-xs">
      {MEMORY_PARTS.map(({ key, label, color }) => (
        <div key={key} className="contents">
          <span
            aria-hidden
            className="size-2.5 rounded-[2px]"
            style={kind === 'measured' ? { background: color } : { boxShadow: `inset 0 0 0 2px ${color}` }}
          />
          <dt className="text-ink-2">{label}</dt>
          <dd className="text-right text-ink">{formatMemory(parts[key])}</dd>
        </div>
      ))}
    </dl>
  )
}
