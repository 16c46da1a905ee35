import { cn } from '../cn.ts'
import { sequentialGradient } from '../sequential-map.ts'
import { useColorTheme } from '../theme.ts'

/** The colours of a continuous map with its two ends in words. */
export function GradientLegend({
  label,
  low,
  high,
  className,
}: {
  label: string
  low: string
  high: string
  className?: string
}) {
  const theme = useColorTheme()
  return (
    <div className={cn('flex items-center gap-2 text-xs text-ink-3', className)}>
      <span>{label}</span>
      <span className="text-ink-2">{low}</span>
      <span
        aria-hidden
        style={{ background: sequentialGradient(theme) }}
        className="h-2.5 w-28 rounded-[2px] shadow-[inset_0_0_0_1px_var(--line)]"
      />
      <span className="text-ink-2">{high}</span>
    </div>
  )
}

/** A colour per step, each with its name. */
export function StepLegend({
  label,
  steps,
}: {
  label: string
  steps: readonly { text: string; fill: string | null }[]
}) {
  return (
    <ul aria-label={label} className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-3">
      {steps.map(({ text, fill }) => (
        <li key={text} className="flex items-center gap-1.5">
          <span
            aria-hidden
            style={fill === null ? undefined : { background: fill }}
            className="size-2.5 rounded-[2px] shadow-[inset_0_0_0_1px_var(--line)]"
          />
          {text}
        </li>
      ))}
    </ul>
  )
}
