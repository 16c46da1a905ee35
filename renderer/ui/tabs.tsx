import { Tabs as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { cn } from './cn.ts'

export interface TabsProps<V extends string> {
  value: V
  onChange(value: NoInfer<V>): void
  tabs: readonly { readonly value: NoInfer<V>; readonly label: ReactNode; readonly count?: number }[]
  /** Name of the group for screen readers. */
  label: string
  /** Beside the tabs, at the right end. */
  actions?: ReactNode
  /** Content of the chosen tab. */
  children: ReactNode
  className?: string
}

/** Views of one thing. The panel fills the rest of its column and scrolls by itself. */
export function Tabs<V extends string>({ value, onChange, tabs, label, actions, children, className }: TabsProps<V>) {
  return (
    <Radix.Root
      value={value}
      onValueChange={(next) => {
        const tab = tabs.find((candidate) => candidate.value === next)
        if (tab) onChange(tab.value)
      }}
      className={cn('flex min-h-0 flex-1 flex-col', className)}
    >
      <div className="flex items-end gap-2 border-b border-line px-5">
        <Radix.List aria-label={label} className="-ml-2 flex min-w-0 flex-1 overflow-x-auto">
          {tabs.map((tab) => (
            <Radix.Trigger
              key={tab.value}
              value={tab.value}
              className="-mb-px border-b-2 border-transparent px-2 py-2 text-sm font-medium whitespace-nowrap text-ink-3 transition-colors duration-120 hover:text-ink focus-visible:-outline-offset-2 data-[state=active]:border-accent data-[state=active]:text-ink"
            >
              {tab.label}
              {tab.count !== undefined && <span className="ml-1.5 text-xs text-ink-3">{tab.count}</span>}
            </Radix.Trigger>
          ))}
        </Radix.List>
        {actions}
      </div>
      <Radix.Content
        tabIndex={-1}
        value={value}
        className="flex min-h-0 flex-1 flex-col focus-visible:-outline-offset-2"
      >
        {children}
      </Radix.Content>
    </Radix.Root>
  )
}
