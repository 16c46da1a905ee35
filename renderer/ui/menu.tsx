import type { LucideIcon } from 'lucide-react'
import { DropdownMenu as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { cn } from './cn.ts'
import { Kbd } from './kbd.tsx'

export interface MenuItem {
  readonly label: ReactNode
  readonly icon?: LucideIcon
  readonly keys?: string
  readonly danger?: boolean
  readonly disabled?: boolean
  /** A line above this item. */
  readonly separated?: boolean
  onSelect(): void
}

export interface MenuProps {
  items: readonly MenuItem[]
  align?: 'start' | 'end'
  /** The button that opens it. */
  children: ReactNode
}

/** Actions behind a button. */
export function Menu({ items, align = 'end', children }: MenuProps) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          sideOffset={4}
          collisionPadding={8}
          className="appear z-50 min-w-44 rounded-lg bg-raised p-1 shadow-float"
        >
          {items.map((item, index) => (
            <MenuRow key={typeof item.label === 'string' ? item.label : index} item={item} />
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

function MenuRow({ item }: { item: MenuItem }) {
  const { icon: Icon } = item
  return (
    <>
      {item.separated && <Radix.Separator className="my-1 h-px bg-line" />}
      <Radix.Item
        disabled={item.disabled ?? false}
        onSelect={item.onSelect}
        className={cn(
          'flex cursor-default items-center gap-2 rounded-md px-2 py-1 text-sm outline-none select-none data-disabled:opacity-50 data-highlighted:bg-hover',
          item.danger ? 'text-danger-text' : 'text-ink',
        )}
      >
        {Icon && <Icon aria-hidden className="size-4 opacity-70" />}
        <span className="flex-1">{item.label}</span>
        {item.keys && <Kbd keys={item.keys} />}
      </Radix.Item>
    </>
  )
}
