import { Slider as Radix } from 'radix-ui'
import { cn } from './cn.ts'
import { useFieldGroupProps } from './field.tsx'

export interface SliderProps {
  value: number
  onChange(value: number): void
  min: number
  max: number
  step?: number
  /** Name for screen readers; the Field's label when it stands in one. */
  label?: string
  /** The value in words, e.g. `2048 tokens`. */
  valueText?: string
  disabled?: boolean
  className?: string
}

/** A value on a range. Show the number beside it: the slider alone says too little. */
export function Slider({ value, onChange, min, max, step = 1, label, valueText, disabled, className }: SliderProps) {
  const field = useFieldGroupProps(label)
  return (
    <Radix.Root
      value={[value]}
      min={min}
      max={max}
      step={step}
      {...(disabled ? { disabled } : {})}
      onValueChange={([next]) => next !== undefined && onChange(next)}
      className={cn('relative flex h-8 w-full touch-none items-center select-none data-disabled:opacity-50', className)}
    >
      <Radix.Track className="relative h-1 grow rounded-full bg-line-strong/50">
        <Radix.Range className="absolute h-full rounded-full bg-accent" />
      </Radix.Track>
      <Radix.Thumb
        {...field}
        {...(label ? { 'aria-label': label } : {})}
        {...(valueText ? { 'aria-valuetext': valueText } : {})}
        className="block size-4 rounded-full bg-raised shadow-[0_0_0_2px_var(--accent)] transition-shadow duration-120 hover:shadow-[0_0_0_3px_var(--accent)]"
      />
    </Radix.Root>
  )
}
