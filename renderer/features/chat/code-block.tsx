import { CopyIconButton } from './copy-icon-button.tsx'

/** Code as it was written, with its language and a copy button. Open while it is still being written. */
export function CodeBlock({ language, code }: { language: string; code: string }) {
  return (
    <figure className="my-3 overflow-hidden rounded-md bg-sunken shadow-[inset_0_0_0_1px_var(--line)]">
      <figcaption className="flex h-7 items-center justify-between pr-0.5 pl-3 text-xs text-ink-3">
        <span className="font-mono">{language || 'text'}</span>
        <CopyIconButton label="Copy code" text={() => code} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines are scrolled by keyboard */}
      <pre className="overflow-x-auto px-3 pb-2.5 font-mono text-sm" tabIndex={0}>
        <code>{code}</code>
      </pre>
    </figure>
  )
}
