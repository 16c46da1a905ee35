import { Check, Minus } from 'lucide-react'
import { Checkbox as RadixCheckbox, Switch as RadixSwitch } from 'radix-ui'
import { cn } from './cn.ts'
import { useFieldProps } from './field.tsx'

export interface SwitchProps {
  checked: boolean
  onChange(checked: boolean): void
  disabled?: boolean
  className?: string
  'aria-label'?: string
}

/** On or off, taking effect at once. The state is told by place and colour. */
export function Switch({ checked, onChange, className, ...rest }: SwitchProps) {
  return (
    <RadixSwitch.Root
      {...useFieldProps()}
      {...rest}
      checked={checked}
      onCheckedChange={onChange}
      className={cn(
        'h-5 w-9 shrink-0 rounded-full bg-line-strong p-0.5 transition-colors duration-150 disabled:opacity-50 data-[state=checked]:bg-accent',
        className,
      )}
    >
      <RadixSwitch.Thumb className="block size-4 rounded-full bg-surface transition-transform duration-150 data-[state=checked]:translate-x-4" />
    </RadixSwitch.Root>
  )
}

export interface CheckboxProps extends Omit<SwitchProps, 'checked'> {
  checked: boolean | 'indeterminate'
  id?: string
}

/** Part of a choice that takes effect later. */
export function Checkbox({ checked, onChange, className, ...rest }: CheckboxProps) {
  return (
    <RadixCheckbox.Root
      {...useFieldProps()}
      {...rest}
      checked={checked}
      onCheckedChange={(next) => onChange(next === true)}
      className={cn(
        'flex size-4 shrink-0 items-center justify-center rounded-sm bg-surface text-accent-ink shadow-[inset_0_0_0_1px_var(--line-strong)]',
        'disabled:opacity-50 data-[state=checked]:bg-accent data-[state=checked]:shadow-none data-[state=indeterminate]:bg-accent data-[state=indeterminate]:shadow-none',
        className,
      )}
    >
      <RadixCheckbox.Indicator>
        {checked === 'indeterminate' ? (
          <Minus aria-hidden className="size-3" strokeWidth={3} />
        ) : (
          <Check aria-hidden className="size-3" strokeWidth={3} />
        )}
      </RadixCheckbox.Indicator>
    </RadixCheckbox.Root>
  )
}
