import { keyNames } from './shortcuts.ts'

/** Keys as caps: `<Kbd keys="mod+enter" />`. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <kbd className="inline-flex gap-0.5 font-sans text-xs text-ink-3">
      {keyNames(keys).map((name) => (
        <span
          key={name}
          className="min-w-4.5 rounded-sm bg-sunken px-1 text-center shadow-[inset_0_0_0_1px_var(--line)]"
        >
          {name}
        </span>
      ))}
    </kbd>
  )
}
