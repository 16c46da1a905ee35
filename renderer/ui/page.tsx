import type { ReactNode } from 'react'
import { cn } from './cn.ts'

export interface PageHeaderProps {
  /** What the screen shows. */
  title: ReactNode
  /** 2 where a list beside it already carries the screen's h1. */
  level?: 1 | 2
  /** Beside the title: badges, a selector. */
  beside?: ReactNode
  /** One line below. */
  subtitle?: ReactNode
  /** Buttons at the right end. */
  actions?: ReactNode
  className?: string
}

/** Top of a main surface: 56 px, title left, actions right. */
export function PageHeader({ title, level = 1, beside, subtitle, actions, className }: PageHeaderProps) {
  const Heading = level === 1 ? 'h1' : 'h2'
  return (
    <header
      className={cn(
        'flex min-h-14 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-5 py-2',
        className,
      )}
    >
      <div className="min-w-0 flex-1">
        <div className="flex min-w-0 items-center gap-2">
          <Heading className="truncate text-lg font-semibold text-ink">{title}</Heading>
          {beside}
        </div>
        {subtitle && <div className="truncate text-xs text-ink-3">{subtitle}</div>}
      </div>
      {actions && <div className="flex shrink-0 flex-wrap items-center gap-2">{actions}</div>}
    </header>
  )
}

export interface SectionProps {
  title: ReactNode
  description?: ReactNode
  actions?: ReactNode
  className?: string
  children: ReactNode
}

/** A titled part of a page or inspector. */
export function Section({ title, description, actions, className, children }: SectionProps) {
  return (
    <section className={cn('flex flex-col gap-3', className)}>
      <div className="flex items-end gap-2">
        <div className="min-w-0 flex-1">
          <h2 className="text-sm font-semibold text-ink">{title}</h2>
          {description && <p className="text-xs text-ink-3">{description}</p>}
        </div>
        {actions}
      </div>
      {children}
    </section>
  )
}

/** Bottom bar of a main surface; the screen's one primary action stands at its right end. */
export function ActionBar({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <footer
      className={cn('flex min-h-13 shrink-0 items-center justify-end gap-2 border-t border-line px-5 py-2', className)}
    >
      {children}
    </footer>
  )
}
