import { useState } from 'react'
import { cn } from './cn.ts'
import { useFieldProps } from './field.tsx'
import { inputStyles } from './input.tsx'

export interface NumberFieldProps {
  /** null shows an empty field, where `allowEmpty` permits it. */
  value: number | null
  /** Called with a valid number (or null) when the person leaves the field, presses Enter or steps with the arrows. */
  onChange(value: number | null): void
  min?: number
  max?: number
  step?: number
  /** Whole numbers only. */
  integer?: boolean
  allowEmpty?: boolean
  /** Shown at the right end: `tokens`, `GiB`. */
  unit?: string
  placeholder?: string
  disabled?: boolean
  className?: string
  'aria-label'?: string
}

/** A number with a unit. Out-of-range input is moved to the nearest allowed value, unreadable input is taken back. */
export function NumberField({
  value,
  onChange,
  min = Number.NEGATIVE_INFINITY,
  max = Number.POSITIVE_INFINITY,
  step = 1,
  integer = false,
  allowEmpty = false,
  unit,
  className,
  ...rest
}: NumberFieldProps) {
  const [draft, setDraft] = useState<string | null>(null)
  const shown = draft ?? (value === null ? '' : String(value))

  function commit(text: string): void {
    setDraft(null)
    if (text.trim() === '') {
      if (allowEmpty && value !== null) onChange(null)
      return
    }
    const parsed = Number(text.trim().replace(',', '.'))
    if (!Number.isFinite(parsed)) return
    const next = clamp(integer ? Math.round(parsed) : parsed)
    if (next !== value) onChange(next)
  }

  function clamp(next: number): number {
    return Math.min(max, Math.max(min, next))
  }

  function stepBy(direction: number): void {
    const from = draft === null ? (value ?? 0) : Number(draft) || 0
    const decimals = (String(step).split('.')[1] ?? '').length
    setDraft(null)
    onChange(clamp(Number((from + direction * step).toFixed(decimals))))
  }

  return (
    <div className={cn('relative', className)}>
      <input
        {...useFieldProps()}
        {...rest}
        type="text"
        inputMode={integer ? 'numeric' : 'decimal'}
        role="spinbutton"
        aria-valuenow={value ?? undefined}
        aria-valuemin={Number.isFinite(min) ? min : undefined}
        aria-valuemax={Number.isFinite(max) ? max : undefined}
        autoComplete="off"
        value={shown}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={(event) => draft !== null && commit(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') commit(event.currentTarget.value)
          else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
            event.preventDefault()
            stepBy((event.key === 'ArrowUp' ? 1 : -1) * (event.shiftKey ? 10 : 1))
          }
        }}
        className={cn(inputStyles, 'h-8')}
        style={unit ? { paddingRight: `calc(${unit.length}ch + 1rem)` } : undefined}
      />
      {unit && <span className="pointer-events-none absolute top-1.5 right-2 text-sm text-ink-3">{unit}</span>}
    </div>
  )
}
