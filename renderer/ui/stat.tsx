import type { ReactNode } from 'react'
import { cn } from './cn.ts'
import { Popover } from './popover.tsx'

export interface StatProps {
  label: ReactNode
  /** With its unit. */
  value: ReactNode
  /** `predicted` numbers are outlined, measured ones filled. */
  kind?: 'predicted' | 'measured'
  /** How the number came to be: device, text, window, stride, engine. Makes the number open. */
  protocol?: Readonly<Record<string, unknown>> | undefined
  /** What had been predicted, shown beside a measured number. */
  predicted?: ReactNode
  size?: 'md' | 'lg'
  className?: string
}

/** One number that opens to its story. */
export function Stat({ label, value, kind, protocol, predicted, size = 'md', className }: StatProps) {
  const number = (
    <span
      className={cn('inline-flex items-center gap-1.5 font-medium text-ink', size === 'lg' ? 'text-xl' : 'text-base')}
    >
      {kind && <KindMark kind={kind} />}
      {size === 'lg' && typeof value === 'string' ? <Quantity text={value} /> : value}
    </span>
  )
  return (
    <div className={cn('flex min-w-0 flex-col', className)}>
      <span className="text-xs text-ink-3">{label}</span>
      {protocol ? (
        <ProtocolPopover protocol={protocol} label={`How ${typeof label === 'string' ? label : 'this'} was measured`}>
          {number}
        </ProtocolPopover>
      ) : (
        number
      )}
      {predicted && <span className="text-xs text-ink-3">predicted {predicted}</span>}
    </div>
  )
}

/** A formatted number with its unit set smaller: they are parted by the no-break space that the formatters put there. */
function Quantity({ text }: { text: string }) {
  const [number = text, ...unit] = text.split('\u00a0')
  return (
    <span>
      {number}
      {unit.length > 0 && <span className="text-base font-normal text-ink-2">{`\u00a0${unit.join('\u00a0')}`}</span>}
    </span>
  )
}

/** The mark that tells predicted (outlined) from measured (filled). */
export function KindMark({ kind }: { kind: 'predicted' | 'measured' }) {
  return (
    <span
      role="img"
      aria-label={kind}
      title={kind}
      className={cn(
        'size-2 shrink-0 rounded-full',
        kind === 'measured' ? 'bg-ink-2' : 'shadow-[inset_0_0_0_1.5px_var(--ink-3)]',
      )}
    />
  )
}

export interface ProtocolPopoverProps {
  protocol: Readonly<Record<string, unknown>>
  label: string
  children: ReactNode
}

/** Opens the protocol of a number: every condition under which it was taken. */
export function ProtocolPopover({ protocol, label, children }: ProtocolPopoverProps) {
  return (
    <Popover
      label={label}
      trigger={
        <button
          type="button"
          className="relative -mx-1 w-fit rounded-sm px-1 text-left border-b border-dotted border-line-strong hover:bg-hover"
        >
          {children}
          <span className="sr-only">. {label}</span>
        </button>
      }
    >
      <h3 className="mb-1.5 text-xs font-medium text-ink-3">{label}</h3>
      <FactList facts={protocol} />
    </Popover>
  )
}

/** Names and values in two columns; `textSha256` is shown as `text SHA-256`. */
export function FactList({ facts, className }: { facts: Readonly<Record<string, unknown>>; className?: string }) {
  return (
    <dl className={cn('grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm', className)}>
      {Object.entries(facts).map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-3">{nameInWords(name)}</dt>
          <dd className="break-words text-ink">{valueInWords(value)}</dd>
        </div>
      ))}
    </dl>
  )
}

/** A field name of a record as a person writes it. */
export function nameInWords(name: string): string {
  if (/\s/.test(name)) return name
  return name
    .replace(/Sha256$/, ' SHA-256')
    .replace(
      /([a-z0-9])([A-Z])(?=[a-z])/g,
      (_, before: string, initial: string) => `${before} ${initial.toLowerCase()}`,
    )
}

function valueInWords(value: unknown): string | number {
  if (typeof value === 'string' || typeof value === 'number') return value
  if (value === null || value === undefined) return 'none'
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.join(', ')
  return JSON.stringify(value)
}
