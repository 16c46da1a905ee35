import type { ReactNode } from 'react'
import { cn } from './cn.ts'

export interface ScrollerProps {
  /** Name for screen readers. */
  label: string
  className?: string
  children: ReactNode
}

/** A scrolling area that takes the rest of its column and can be scrolled by keyboard also when nothing in it takes the focus. */
export function Scroller({ label, className, children }: ScrollerProps) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard
      tabIndex={0}
      className={cn('min-h-0 flex-1 overflow-y-auto focus-visible:-outline-offset-2', className)}
    >
      {children}
    </section>
  )
}
