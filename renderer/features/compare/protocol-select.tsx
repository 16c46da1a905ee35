import { Select } from '../../ui/select.tsx'
import type { ProtocolOption } from './rows.ts'

export interface ProtocolSelectProps {
  label: string
  options: readonly ProtocolOption[]
  value: string | null
  total: number
  onChange(key: string): void
}

/** Which protocol is shown; numbers of others stay out of sight, because they cannot be compared. */
export function ProtocolSelect({ label, options, value, total, onChange }: ProtocolSelectProps) {
  return (
    <span className="flex min-w-0 items-center gap-2 text-xs text-ink-3">
      <span aria-hidden>{label}</span>
      <Select
        aria-label={`${label} protocol`}
        className="w-96"
        disabled={options.length === 0}
        placeholder="not measured yet"
        value={value ?? ''}
        onChange={onChange}
        options={options.map((option) => ({
          value: option.key,
          label: option.words,
          hint: `${option.versions} of ${total} versions`,
        }))}
      />
    </span>
  )
}
