import { Tooltip as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { Kbd } from './kbd.tsx'

/** Once, around the app: tooltips share their delay. */
export function TooltipProvider({ children }: { children: ReactNode }) {
  return (
    <Radix.Provider delayDuration={400} skipDelayDuration={200}>
      {children}
    </Radix.Provider>
  )
}

export interface TooltipProps {
  text: ReactNode
  /** Keys that do the same, e.g. `mod+k`. */
  keys?: string
  side?: 'top' | 'right' | 'bottom' | 'left'
  /** The one element it explains; must take a ref and be focusable. */
  children: ReactNode
}

/** A short explanation on hover and focus. Never the only place where something is said. */
export function Tooltip({ text, keys, side = 'bottom', children }: TooltipProps) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="appear z-50 flex max-w-72 items-center gap-2 rounded-md bg-raised px-2 py-1 text-xs text-ink shadow-float"
        >
          {text}
          {keys && <Kbd keys={keys} />}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** A term of the field, dotted underline, explained on hover or focus: `<Term text="...">group size</Term>`. */
export function Term({ text, children }: { text: ReactNode; children: ReactNode }) {
  return (
    <Tooltip text={text} side="top">
      <button
        type="button"
        className="cursor-help rounded-sm underline decoration-line-strong decoration-dotted underline-offset-3"
      >
        {children}
      </button>
    </Tooltip>
  )
}
