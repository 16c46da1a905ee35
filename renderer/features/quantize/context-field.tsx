import { Field } from '../../ui/field.tsx'
import { NumberField } from '../../ui/number-field.tsx'
import { Slider } from '../../ui/slider.tsx'

export interface ContextFieldProps {
  /** Tokens. */
  value: number
  /** The model's own limit in tokens. */
  max: number
  onChange(tokens: number): void
}

const MIN_TOKENS = 16

/** Context length for the estimate: a slider in powers of two and the exact number. */
export function ContextField({ value, max, onChange }: ContextFieldProps) {
  const lowest = Math.log2(MIN_TOKENS)
  const highest = Math.log2(Math.max(max, MIN_TOKENS * 2))
  return (
    <Field label="Context" hint={`The model was trained for ${max} tokens.`}>
      <div className="flex items-center gap-3">
        <Slider
          aria-label="Context in powers of two"
          min={0}
          max={1}
          step={1 / 64}
          value={(Math.log2(value) - lowest) / (highest - lowest)}
          onChange={(share) => onChange(roundTokens(2 ** (lowest + share * (highest - lowest)), max))}
          className="flex-1"
        />
        <NumberField
          integer
          min={MIN_TOKENS}
          max={Math.max(max, MIN_TOKENS)}
          step={256}
          unit="tokens"
          value={value}
          onChange={(tokens) => tokens !== null && onChange(tokens)}
          className="w-32"
        />
      </div>
    </Field>
  )
}

/** Eighths of a power of two: readable numbers at every size. */
function roundTokens(tokens: number, max: number): number {
  const step = Math.max(1, 2 ** (Math.floor(Math.log2(tokens)) - 3))
  return Math.max(MIN_TOKENS, Math.min(max, Math.round(tokens / step) * step))
}
