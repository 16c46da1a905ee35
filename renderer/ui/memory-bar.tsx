import { TIGHT_SHARE, TOO_BIG_SHARE, verdictOf } from '../../electron/plan/fit.ts'
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

const LEVELS = { fits: 'ok', tight: 'warn', 'too-big': 'danger' } as const

/** The colour of the judgement that every screen shares. */
export function memoryLevel(totalBytes: number, budgetBytes: number): 'ok' | 'warn' | 'danger' {
  return budgetBytes > 0 ? LEVELS[verdictOf(totalBytes, budgetBytes)] : 'ok'
}

/** Sum of the five parts in bytes. */
export function memoryTotal(parts: MemoryPartBytes): number {
  return MEMORY_PARTS.reduce((sum, { key }) => sum + parts[key], 0)
}

export interface MemoryBarProps {
  parts: MemoryPartBytes
  /** What the machine can give, in bytes; null leaves the budget out. */
  budgetBytes: number | null
  /** Predicted parts are outlined, measured ones filled. */
  kind: 'predicted' | 'measured'
  /** Bytes at the right end of a compact bar; bars that are compared share one. Default: the sum. */
  scaleBytes?: number
  /** Adds the list of parts with their bytes below. */
  legend?: boolean
  /** The parts alone, thin, for tables. */
  compact?: boolean
  className?: string
}

/**
 * Memory by part. In full size the share of the budget stands above, as a track that opens like a lens onto the parts, so
 * that a small model in a large machine can be read too.
 */
export function MemoryBar({ parts, budgetBytes, kind, scaleBytes, legend, compact, className }: MemoryBarProps) {
  const total = memoryTotal(parts)
  const label = describe(parts, budgetBytes, kind)
  if (compact)
    return (
      <PartsBar parts={parts} kind={kind} scale={scaleBytes ?? total} label={label} className={cn('h-3', className)} />
    )
  return (
    <div className={cn('flex min-w-0 flex-col', className)}>
      {budgetBytes !== null && <BudgetTrack total={total} budget={budgetBytes} />}
      <PartsBar parts={parts} kind={kind} scale={scaleBytes ?? total} label={label} className="h-6" />
      {legend && <MemoryLegend parts={parts} kind={kind} className="mt-2" />}
    </div>
  )
}

function describe(parts: MemoryPartBytes, budgetBytes: number | null, kind: 'predicted' | 'measured'): string {
  const summary = MEMORY_PARTS.map(({ key, label }) => `${label} ${formatMemory(parts[key])}`).join(', ')
  const budget = budgetBytes === null ? '' : ` of ${formatMemory(budgetBytes)}`
  return `${kind === 'predicted' ? 'Predicted' : 'Measured'} memory: ${formatMemory(memoryTotal(parts))}${budget}. ${summary}.`
}

const LEVEL_FILL = { ok: 'bg-ink-3', warn: 'bg-warn', danger: 'bg-danger' }
const LEVEL_TEXT = { ok: 'text-ink-3', warn: 'font-medium text-warn-text', danger: 'font-medium text-danger-text' }

/** The total against the budget, with marks where it turns amber and red, and the lens down to the parts. */
function BudgetTrack({ total, budget }: { total: number; budget: number }) {
  const level = memoryLevel(total, budget)
  const scale = Math.max(budget, total, 1)
  const share = (total / scale) * 100
  const verdict = total > budget ? ', too big' : level === 'ok' ? '' : ', tight'
  return (
    <>
      <p className="mb-1.5 flex items-baseline justify-between gap-2 text-xs text-ink-3">
        <span>
          <span className="text-base font-medium text-ink">{formatMemory(total)}</span> of {formatMemory(budget)} free
        </span>
        <span className={LEVEL_TEXT[level]}>
          {formatPercent(total / Math.max(budget, 1), 2)}
          {verdict}
        </span>
      </p>
      <div aria-hidden className="relative h-1.5 w-full rounded-[2px] bg-sunken shadow-[inset_0_0_0_1px_var(--line)]">
        <div
          style={{ width: `max(${share}%, 2px)` }}
          className={cn('h-full rounded-[2px] transition-[width] duration-150', LEVEL_FILL[level])}
        />
        {[TIGHT_SHARE, TOO_BIG_SHARE, 1].map((mark) => (
          <div
            key={mark}
            style={{ left: `${((budget * mark) / scale) * 100}%` }}
            className="absolute inset-y-0 w-px -translate-x-px bg-line-strong"
          />
        ))}
      </div>
      <svg aria-hidden viewBox="0 0 100 10" preserveAspectRatio="none" className="h-2.5 w-full">
        <polygon points={`0,0 ${Math.max(share, 0.2)},0 100,10 0,10`} fill="var(--sunken)" />
      </svg>
    </>
  )
}

interface PartsBarProps {
  parts: MemoryPartBytes
  kind: 'predicted' | 'measured'
  /** Bytes at the right end. */
  scale: number
  label: string
  className?: string
}

function PartsBar({ parts, kind, scale, label, className }: PartsBarProps) {
  return (
    <div
      role="img"
      aria-label={label}
      className={cn('flex w-full gap-px overflow-hidden rounded-[3px] bg-sunken', className)}
    >
      {MEMORY_PARTS.filter(({ key }) => parts[key] > 0).map(({ key, label: part, color }) => (
        <div
          key={key}
          title={`${part} ${formatMemory(parts[key])}`}
          style={{ width: `${(parts[key] / Math.max(scale, 1)) * 100}%`, ...partFill(kind, color) }}
          className="h-full min-w-px rounded-[1px] transition-[width] duration-150"
        />
      ))}
    </div>
  )
}

function partFill(kind: 'predicted' | 'measured', color: string): { background: string; boxShadow?: string } {
  if (kind === 'measured') return { background: color }
  return { boxShadow: `inset 0 0 0 1.5px ${color}`, background: `color-mix(in oklab, ${color} 16%, var(--surface))` }
}

export interface MemoryLegendProps {
  parts: MemoryPartBytes
  kind: 'predicted' | 'measured'
  className?: string
}

/** The five parts by name with their bytes: a list where it is narrow, one line where there is room. */
export function MemoryLegend({ parts, kind, className }: MemoryLegendProps) {
  return (
    <div className={cn('@container', className)}>
      <dl className="flex flex-col gap-x-6 gap-y-1 text-xs @lg:flex-row @lg:flex-wrap">
        {MEMORY_PARTS.map(({ key, label, color }) => (
          <div key={key} className="flex items-center gap-2">
            <dt className="flex items-center gap-2 text-ink-2">
              <span aria-hidden className="size-2.5 rounded-[2px]" style={partFill(kind, color)} />
              {label}
            </dt>
            <dd className="ml-auto text-ink @lg:ml-0">{formatMemory(parts[key])}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}
