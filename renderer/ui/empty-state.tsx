import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import { cn } from './cn.ts'

export interface EmptyStateProps {
  icon?: LucideIcon
  title: string
  /** What will be here, and how it comes to be. */
  children?: ReactNode
  /** The one action. */
  action?: ReactNode
  className?: string
}

/** A surface with nothing on it yet. */
export function EmptyState({ icon: Icon, title, children, action, className }: EmptyStateProps) {
  return (
    <div className={cn('appear flex flex-1 flex-col items-center justify-center gap-2 p-8 text-center', className)}>
      {Icon && <Icon aria-hidden className="mb-1 size-7 text-ink-3" strokeWidth={1.25} />}
      <h2 className="text-base font-medium text-ink">{title}</h2>
      {children && <div className="max-w-md text-sm text-ink-2">{children}</div>}
      {action && <div className="mt-3">{action}</div>}
    </div>
  )
}
