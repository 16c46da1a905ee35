import { X } from 'lucide-react'
import { Dialog as Radix, AlertDialog as RadixAlert } from 'radix-ui'
import type { ReactNode } from 'react'
import { Button } from './button.tsx'
import { cn } from './cn.ts'

const overlay = 'appear fixed inset-0 z-40 bg-[oklch(0.2_0.01_240/0.35)]'
const panel =
  'appear fixed top-1/2 left-1/2 z-50 flex max-h-[min(85vh,60rem)] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 flex-col rounded-lg bg-raised shadow-float focus:outline-none'

export interface DialogProps {
  open: boolean
  onOpenChange(open: boolean): void
  title: ReactNode
  description?: ReactNode
  /** Buttons, right aligned, the primary one last. */
  footer?: ReactNode
  size?: 'sm' | 'md' | 'lg' | 'xl'
  children: ReactNode
  className?: string
}

const widths = { sm: 'max-w-md', md: 'max-w-xl', lg: 'max-w-3xl', xl: 'max-w-6xl' }

/** A task that must be finished or left before going on. Escape and a press outside close it; focus returns. */
export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  footer,
  size = 'md',
  children,
  className,
}: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={overlay} />
        <Radix.Content className={cn(panel, widths[size])} {...(description ? {} : { 'aria-describedby': undefined })}>
          <header className="flex items-start gap-3 px-5 pt-4 pb-3">
            <div className="min-w-0 flex-1">
              <Radix.Title className="text-lg font-semibold text-ink">{title}</Radix.Title>
              {description && (
                <Radix.Description className="mt-0.5 text-sm text-ink-2">{description}</Radix.Description>
              )}
            </div>
            <Radix.Close asChild>
              <Button variant="ghost" aria-label="Close" className="-mr-2 w-8 px-0">
                <X aria-hidden />
              </Button>
            </Radix.Close>
          </header>
          <div className={cn('flex min-h-0 flex-1 flex-col overflow-y-auto px-5 pb-5', className)}>{children}</div>
          {footer && (
            <footer className="flex items-center justify-end gap-2 border-t border-line px-5 py-3">{footer}</footer>
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

export interface ConfirmDialogProps {
  open: boolean
  onOpenChange(open: boolean): void
  title: ReactNode
  /** What happens and what is kept. */
  description: ReactNode
  /** The verb: `Delete 3 files`. */
  confirmLabel: string
  cancelLabel?: string
  danger?: boolean
  pending?: boolean
  onConfirm(): void
}

/** Asks before something that cannot be undone. Focus starts on the safe answer. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  return (
    <RadixAlert.Root open={props.open} onOpenChange={props.onOpenChange}>
      <RadixAlert.Portal>
        <RadixAlert.Overlay className={overlay} />
        <RadixAlert.Content className={cn(panel, 'max-w-md p-5')}>
          <RadixAlert.Title className="text-lg font-semibold text-ink">{props.title}</RadixAlert.Title>
          <RadixAlert.Description asChild>
            <div className="mt-1.5 text-sm break-words text-ink-2">{props.description}</div>
          </RadixAlert.Description>
          <div className="mt-5 flex justify-end gap-2">
            <RadixAlert.Cancel asChild>
              <Button>{props.cancelLabel ?? 'Cancel'}</Button>
            </RadixAlert.Cancel>
            <Button
              variant={props.danger ? 'danger' : 'primary'}
              pending={props.pending ?? false}
              onClick={props.onConfirm}
            >
              {props.confirmLabel}
            </Button>
          </div>
        </RadixAlert.Content>
      </RadixAlert.Portal>
    </RadixAlert.Root>
  )
}
