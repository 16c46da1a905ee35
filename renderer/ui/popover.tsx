import { Popover as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { cn } from './cn.ts'

export interface PopoverProps {
  /** The button that opens it. */
  trigger: ReactNode
  align?: 'start' | 'center' | 'end'
  side?: 'top' | 'right' | 'bottom' | 'left'
  /** Name for screen readers. */
  label: string
  open?: boolean
  onOpenChange?(open: boolean): void
  className?: string
  children: ReactNode
}

/** More about one thing, beside it, without leaving the page. */
export function Popover({
  trigger,
  align = 'start',
  side = 'bottom',
  label,
  open,
  onOpenChange,
  className,
  children,
}: PopoverProps) {
  return (
    <Radix.Root {...(open === undefined ? {} : { open })} {...(onOpenChange ? { onOpenChange } : {})}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          aria-label={label}
          tabIndex={0}
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className={cn(
            'appear z-50 max-h-(--radix-popover-content-available-height) max-w-96 overflow-y-auto rounded-lg bg-raised p-3 text-sm text-ink shadow-float focus:outline-none',
            className,
          )}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
