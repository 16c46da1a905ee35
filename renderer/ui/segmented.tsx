import { RadioGroup } from 'radix-ui'
import type { ReactNode } from 'react'
import { cn } from './cn.ts'
import { useFieldGroupProps } from './field.tsx'

export interface SegmentedProps<V extends string> {
  /** null: none is chosen (a selection with different values). */
  value: V | null
  onChange(value: NoInfer<V>): void
  options: readonly { readonly value: NoInfer<V>; readonly label: ReactNode; readonly disabled?: boolean }[]
  size?: 'sm' | 'md'
  className?: string
  'aria-label'?: string
}

/** One of a few short options, all visible; arrows move between them. */
export function Segmented<V extends string>({
  value,
  onChange,
  options,
  size = 'md',
  className,
  ...rest
}: SegmentedProps<V>) {
  return (
    <RadioGroup.Root
      {...useFieldGroupProps(rest['aria-label'])}
      {...rest}
      value={value ?? ''}
      orientation="horizontal"
      onValueChange={(next) => {
        const option = options.find((candidate) => candidate.value === next)
        if (option) onChange(option.value)
      }}
      className={cn(
        'inline-flex w-fit gap-0.5 rounded-md bg-sunken p-0.5 shadow-[inset_0_0_0_1px_var(--line)]',
        className,
      )}
    >
      {options.map((option) => (
        <RadioGroup.Item
          key={option.value}
          value={option.value}
          disabled={option.disabled ?? false}
          className={cn(
            'rounded-[0.2rem] px-2.5 font-medium text-ink-2 transition-colors duration-120 hover:text-ink disabled:opacity-40',
            'data-[state=checked]:bg-raised data-[state=checked]:text-ink data-[state=checked]:shadow-[0_0_0_1px_var(--line-strong)]',
            size === 'sm' ? 'h-5 text-xs' : 'h-7 text-sm',
          )}
        >
          {option.label}
        </RadioGroup.Item>
      ))}
    </RadioGroup.Root>
  )
}
