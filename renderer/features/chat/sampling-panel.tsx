import { Dices, RotateCcw } from 'lucide-react'
import { useState } from 'react'
import type { Sampling } from '../../../electron/contract/domain.ts'
import { Button, IconButton } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { TextArea } from '../../ui/input.tsx'
import { NumberField } from '../../ui/number-field.tsx'
import { Section } from '../../ui/page.tsx'
import { sameSampling } from './sampling-defaults.ts'
import { formatStopTexts, parseStopTexts } from './stop-texts.ts'

type NumericField = 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'maxNewTokens'

interface FieldWords {
  field: NumericField
  label: string
  hint: string
  min: number
  max?: number
  step: number
  integer?: boolean
  unit?: string
}

const NUMBERS: readonly FieldWords[] = [
  {
    field: 'temperature',
    label: 'Temperature',
    hint: '0 always takes the likeliest token; higher is more varied.',
    min: 0,
    max: 5,
    step: 0.1,
  },
  {
    field: 'topK',
    label: 'Top k',
    hint: 'Only the k likeliest tokens; 0 turns it off.',
    min: 0,
    step: 1,
    integer: true,
  },
  {
    field: 'topP',
    label: 'Top p',
    hint: 'The likeliest tokens that add up to this probability; 1 turns it off.',
    min: 0,
    max: 1,
    step: 0.05,
  },
  {
    field: 'minP',
    label: 'Min p',
    hint: 'Drops tokens below this share of the likeliest; 0 turns it off.',
    min: 0,
    max: 1,
    step: 0.01,
  },
  {
    field: 'repetitionPenalty',
    label: 'Repetition penalty',
    hint: 'Above 1 makes tokens that were used less likely.',
    min: 0.1,
    max: 10,
    step: 0.05,
  },
  {
    field: 'maxNewTokens',
    label: 'Max new tokens',
    hint: 'The answer ends here at the latest.',
    min: 1,
    step: 16,
    integer: true,
    unit: 'tokens',
  },
]

export interface SamplingPanelProps {
  value: Sampling
  /** What the model brings. */
  defaults: Sampling
  onChange(value: Sampling): void
}

/** How the next token is drawn. */
export function SamplingPanel({ value, defaults, onChange }: SamplingPanelProps) {
  return (
    <Section
      title="Sampling"
      actions={
        <Button size="sm" variant="ghost" disabled={sameSampling(value, defaults)} onClick={() => onChange(defaults)}>
          <RotateCcw aria-hidden />
          Model defaults
        </Button>
      }
    >
      {NUMBERS.map(({ field, label, hint, ...limits }) => (
        <Field key={field} label={label} hint={hint}>
          <NumberField
            {...limits}
            value={value[field]}
            onChange={(next) => next !== null && onChange({ ...value, [field]: next })}
          />
        </Field>
      ))}
      <Field label="Seed" hint="Same seed, same text. Empty draws a new one for each answer.">
        <div className="flex gap-1">
          <NumberField
            aria-label="Seed"
            className="flex-1"
            integer
            allowEmpty
            min={0}
            max={Number.MAX_SAFE_INTEGER}
            placeholder="drawn each time"
            value={value.seed}
            onChange={(seed) => onChange({ ...value, seed })}
          />
          <IconButton
            label="Draw a seed to keep"
            icon={Dices}
            onClick={() => onChange({ ...value, seed: Math.floor(Math.random() * 2 ** 31) })}
          />
        </div>
      </Field>
      <StopTexts value={value.stopStrings} onChange={(stopStrings) => onChange({ ...value, stopStrings })} />
    </Section>
  )
}

function StopTexts({ value, onChange }: { value: readonly string[]; onChange(value: string[]): void }) {
  const [draft, setDraft] = useState<string | null>(null)
  return (
    <Field label="Stop texts" hint="One a line; the answer ends before it. \n is a line break.">
      <TextArea
        rows={2}
        className="font-mono"
        spellCheck={false}
        value={draft ?? formatStopTexts(value)}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={() => {
          if (draft !== null) onChange(parseStopTexts(draft))
          setDraft(null)
        }}
      />
    </Field>
  )
}
