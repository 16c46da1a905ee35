import { useState } from 'react'
import { NumberField } from '../../ui/number-field.tsx'
import { Select } from '../../ui/select.tsx'

export interface GroupSizeSelectProps {
  /** null: several values; undefined: none. */
  value: number | 'channel' | null | undefined
  /** null: one group per output row or input column. */
  onChange(groupSize: number | null): void
  sizes: readonly number[]
  disabled?: boolean
}

/** Usual group sizes, one group per channel, or any number. */
export function GroupSizeSelect({ value, onChange, sizes, disabled = false }: GroupSizeSelectProps) {
  const [isTyping, setTyping] = useState(false)
  if (isTyping) {
    return (
      <NumberField
        aria-label="Group size"
        integer
        min={1}
        max={2 ** 30}
        value={typeof value === 'number' ? value : 64}
        onChange={(next) => {
          if (next !== null) onChange(next)
          setTyping(false)
        }}
        className="w-24 [&_input]:h-6"
      />
    )
  }
  const known = sizes.map((size) => ({ value: String(size), label: `g${size}` }))
  const own = typeof value === 'number' && !sizes.includes(value) ? [{ value: String(value), label: `g${value}` }] : []
  return (
    <Select
      aria-label="Group size"
      className="h-6 w-28 text-xs"
      disabled={disabled}
      placeholder={value === null ? 'several' : '–'}
      value={value === null || value === undefined ? '' : String(value)}
      onChange={(next) => {
        if (next === 'type') setTyping(true)
        else onChange(next === 'channel' ? null : Number(next))
      }}
      options={[
        ...known,
        ...own,
        { value: 'channel', label: 'per channel', hint: 'One scale per output row (axis 1) or input column (axis 0)' },
        { value: 'type', label: 'other …', hint: 'Any divisor of the number of weights' },
      ]}
    />
  )
}
