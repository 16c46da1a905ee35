import { Check, ChevronDown } from 'lucide-react'
import { Select as Radix } from 'radix-ui'
import { type ReactNode, type RefObject, useEffect, useRef, useState } from 'react'
import { cn } from './cn.ts'
import { useFieldProps } from './field.tsx'
import { inputStyles } from './input.tsx'

export interface SelectOption<V extends string> {
  readonly value: V
  readonly label: ReactNode
  /** Second line in the list. */
  readonly hint?: ReactNode
  readonly disabled?: boolean
}

export interface SelectProps<V extends string> {
  value: V
  onChange(value: NoInfer<V>): void
  options: readonly SelectOption<NoInfer<V>>[]
  /** Shown when no option has `value`. */
  placeholder?: string
  disabled?: boolean
  className?: string
  'aria-label'?: string
}

/** One of a list. For up to five short options prefer `Segmented`. */
export function Select<V extends string>({
  value,
  onChange,
  options,
  placeholder,
  disabled,
  className,
  ...rest
}: SelectProps<V>) {
  const current = options.find((option) => option.value === value)
  const [open, setOpen] = useState(false)
  const list = useRef<HTMLDivElement>(null)
  useInertAround(list, open)
  return (
    <Radix.Root
      open={open}
      onOpenChange={setOpen}
      value={current ? value : ''}
      onValueChange={(next) => {
        const option = options.find((candidate) => candidate.value === next)
        if (option) onChange(option.value)
      }}
      {...(disabled ? { disabled } : {})}
    >
      <Radix.Trigger
        {...useFieldProps()}
        {...rest}
        className={cn(inputStyles, 'flex h-8 items-center justify-between gap-2 text-left', className)}
      >
        <span className={cn('truncate', !current && 'text-ink-3')}>{current ? current.label : placeholder}</span>
        <ChevronDown aria-hidden className="size-4 shrink-0 text-ink-3" />
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          ref={list}
          position="popper"
          sideOffset={4}
          collisionPadding={8}
          className="appear z-50 max-h-(--radix-select-content-available-height) min-w-(--radix-select-trigger-width) max-w-96 overflow-y-auto rounded-lg bg-raised p-1 shadow-float"
        >
          <Radix.Viewport>
            {options.map((option) => (
              <Radix.Item
                key={option.value}
                value={option.value}
                disabled={option.disabled ?? false}
                className="relative flex cursor-default flex-col rounded-md py-1 pr-3 pl-7 text-sm text-ink outline-none select-none data-disabled:opacity-50 data-highlighted:bg-hover"
              >
                <Radix.ItemIndicator className="absolute top-1.5 left-1.5">
                  <Check aria-hidden className="size-4 text-accent-text" />
                </Radix.ItemIndicator>
                <Radix.ItemText>{option.label}</Radix.ItemText>
                {option.hint && <span className="text-xs text-ink-3">{option.hint}</span>}
              </Radix.Item>
            ))}
          </Radix.Viewport>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** An open list takes the focus and hides the page from screen readers; then nothing on it may be reached by Tab either. */
function useInertAround(list: RefObject<HTMLElement | null>, open: boolean): void {
  useEffect(() => {
    if (!open) return
    const others = [...document.body.children].filter(
      (element) => !element.contains(list.current) && !element.hasAttribute('inert'),
    )
    for (const element of others) element.setAttribute('inert', '')
    return () => {
      for (const element of others) element.removeAttribute('inert')
    }
  }, [list, open])
}
