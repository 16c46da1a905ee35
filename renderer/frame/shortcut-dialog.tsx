import { useStore } from 'zustand'
import { Dialog } from '../ui/dialog.tsx'
import { Kbd } from '../ui/kbd.tsx'
import { type Shortcut, shortcutStore, useShortcut } from '../ui/shortcuts.ts'
import { closeOverlay, openShortcutDialog, overlayStore } from './overlays.ts'

/** `?`: every shortcut that works now. */
export function ShortcutDialog() {
  const isOpen = useStore(overlayStore, ({ open }) => open === 'shortcuts')
  const shortcuts = useStore(shortcutStore, (state) => state.shortcuts)
  useShortcut({ keys: '?', label: 'List shortcuts', group: 'Everywhere', run: openShortcutDialog })
  return (
    <Dialog open={isOpen} onOpenChange={(open) => !open && closeOverlay()} title="Keyboard shortcuts" size="sm">
      <div className="flex flex-col gap-5">
        {groupShortcuts(shortcuts).map(([group, entries]) => (
          <section key={group}>
            <h3 className="mb-1 text-xs font-medium text-ink-3">{group}</h3>
            <dl>
              {entries.map(({ keys, label }) => (
                <div key={keys} className="flex h-7 items-center justify-between gap-4">
                  <dt className="text-ink-2">{label}</dt>
                  <dd>
                    <Kbd keys={keys} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}

/** By group, those of the shown screen first; of two for the same keys only the one that would run. */
export function groupShortcuts(shortcuts: readonly Shortcut[]): [string, Shortcut[]][] {
  const active = new Map(shortcuts.map((shortcut) => [shortcut.keys, shortcut]))
  const groups = new Map<string, Shortcut[]>()
  for (const shortcut of active.values()) groups.set(shortcut.group, [...(groups.get(shortcut.group) ?? []), shortcut])
  return [...groups].toSorted(([a], [b]) => Number(a === 'Everywhere') - Number(b === 'Everywhere'))
}
