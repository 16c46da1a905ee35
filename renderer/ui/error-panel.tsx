import { Check, CircleAlert, Copy } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { Button } from './button.tsx'
import { cn } from './cn.ts'

export interface ErrorPanelProps {
  /** What it is, in a few words. */
  title: string
  /** Why it happened. */
  cause: string
  /** Facts that show it: paths, sizes, names. */
  evidence?: Readonly<Record<string, unknown>> | undefined
  /** What to do now. */
  nextStep?: string
  /** Everything for a bug report; defaults to the parts above. */
  details?: string
  /** Buttons for the next step. */
  actions?: ReactNode
  tone?: 'danger' | 'warn'
  className?: string
}

/** A failure a person can act on: cause, evidence, next step, and the details to copy. Never blames. */
export function ErrorPanel({
  title,
  cause,
  evidence,
  nextStep,
  details,
  actions,
  tone = 'danger',
  className,
}: ErrorPanelProps) {
  const facts = Object.entries(evidence ?? {})
  const text =
    details ??
    [title, cause, ...facts.map(([name, value]) => `${name}: ${plain(value)}`), nextStep].filter(Boolean).join('\n')
  return (
    <div
      role="alert"
      className={cn(
        'appear flex gap-3 rounded-lg px-4 py-3 text-sm',
        tone === 'danger' ? 'bg-danger-soft' : 'bg-warn-soft',
        className,
      )}
    >
      <CircleAlert
        aria-hidden
        className={cn('mt-0.5 size-4 shrink-0', tone === 'danger' ? 'text-danger-text' : 'text-warn-text')}
      />
      <div className="flex min-w-0 flex-1 flex-col gap-2">
        <div>
          <p className={cn('font-semibold', tone === 'danger' ? 'text-danger-text' : 'text-warn-text')}>{title}</p>
          <p className="break-words text-ink">{cause}</p>
        </div>
        {facts.length > 0 && (
          <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 text-xs text-ink-2">
            {facts.map(([name, value]) => (
              <div key={name} className="contents">
                <dt>{name}</dt>
                <dd className="font-mono break-all">{plain(value)}</dd>
              </div>
            ))}
          </dl>
        )}
        {nextStep && <p className="text-ink-2">{nextStep}</p>}
        <div className="flex flex-wrap items-center gap-2">
          {actions}
          <CopyButton text={text} label="Copy details" />
        </div>
      </div>
    </div>
  )
}

/** Copies `text` and says so on the button itself. */
export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [copied, setCopied] = useState(false)
  return (
    <Button
      size="sm"
      variant="ghost"
      {...(className ? { className } : {})}
      onClick={() => {
        navigator.clipboard.writeText(text).then(
          () => {
            setCopied(true)
            setTimeout(() => setCopied(false), 1500)
          },
          () => setCopied(false),
        )
      }}
    >
      {copied ? <Check aria-hidden /> : <Copy aria-hidden />}
      <span aria-live="polite">{copied ? 'Copied' : label}</span>
    </Button>
  )
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
