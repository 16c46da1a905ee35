import { Progress as Radix } from 'radix-ui'
import { cn } from './cn.ts'

export interface ProgressBarProps {
  /** 0 to 1; null: under way with no known end. */
  value: number | null
  /** What is progressing, for screen readers. */
  label: string
  tone?: 'accent' | 'quiet' | 'warn'
  className?: string
}

const tones = { accent: 'bg-accent', quiet: 'bg-line-strong', warn: 'bg-warn' }

/** How far something is. Put phase, done/total and rate beside it in words. */
export function ProgressBar({ value, label, tone = 'accent', className }: ProgressBarProps) {
  const percent = value === null ? null : Math.round(Math.min(1, Math.max(0, value)) * 1000) / 10
  return (
    <Radix.Root
      value={percent}
      aria-label={label}
      className={cn(
        'relative h-1.5 w-full overflow-hidden rounded-full bg-sunken shadow-[inset_0_0_0_1px_var(--line)]',
        className,
      )}
    >
      <Radix.Indicator
        className={cn(
          'h-full rounded-full transition-[width] duration-150',
          tones[tone],
          percent === null && 'progress-indeterminate',
        )}
        style={{ width: percent === null ? '30%' : `${percent}%` }}
      />
    </Radix.Root>
  )
}
