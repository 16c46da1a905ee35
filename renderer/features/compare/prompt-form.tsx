/** What the versions are asked, and how they choose tokens. */
import type { Prompt } from '../../../electron/contract/difference.ts'
import { Field } from '../../ui/field.tsx'
import { TextArea } from '../../ui/input.tsx'
import { NumberField } from '../../ui/number-field.tsx'
import { Segmented } from '../../ui/segmented.tsx'

export interface Asking {
  readonly kind: Prompt['kind']
  readonly text: string
  readonly temperature: number
  readonly seed: number | null
  readonly maxNewTokens: number
}

export const FIRST_ASKING: Asking = { kind: 'text', text: '', temperature: 0, seed: null, maxNewTokens: 64 }

export function requestOf({ kind, text, temperature, seed, maxNewTokens }: Asking) {
  return { prompt: { kind, text }, sampling: { temperature, seed, maxNewTokens } }
}

export interface PromptFormProps {
  asking: Asking
  onChange(asking: Asking): void
  disabled: boolean
}

export function PromptForm({ asking, onChange, disabled }: PromptFormProps) {
  const change = (part: Partial<Asking>) => onChange({ ...asking, ...part })
  return (
    <div className="flex flex-col gap-3">
      <Field
        label="Prompt"
        hint={
          asking.kind === 'message'
            ? 'Put into the chat template of the model.'
            : 'The versions go on from here, without a chat template.'
        }
      >
        <TextArea
          rows={3}
          value={asking.text}
          disabled={disabled}
          placeholder={asking.kind === 'message' ? 'Ask something' : 'Once upon a time'}
          onChange={(event) => change({ text: event.target.value })}
        />
      </Field>
      <div className="flex flex-wrap items-start gap-x-6 gap-y-3">
        <Field label="Kind">
          <Segmented
            value={asking.kind}
            onChange={(kind) => change({ kind })}
            options={[
              { value: 'text', label: 'Go on' },
              { value: 'message', label: 'Message' },
            ]}
          />
        </Field>
        <Field label="Temperature" className="w-28">
          <NumberField
            min={0}
            max={5}
            step={0.1}
            value={asking.temperature}
            onChange={(temperature) => temperature !== null && change({ temperature })}
          />
        </Field>
        <Field label="Longest answer" className="w-36">
          <NumberField
            integer
            min={1}
            max={4096}
            unit="tokens"
            value={asking.maxNewTokens}
            onChange={(maxNewTokens) => maxNewTokens !== null && change({ maxNewTokens })}
          />
        </Field>
        {asking.temperature > 0 && (
          <Field label="Seed" className="w-32">
            <NumberField
              integer
              allowEmpty
              min={0}
              placeholder="drawn"
              value={asking.seed}
              onChange={(seed) => change({ seed })}
            />
          </Field>
        )}
      </div>
    </div>
  )
}
