import type { HubQuery } from '../../../electron/contract/hub.ts'
import { Field } from '../../ui/field.tsx'
import { Input } from '../../ui/input.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { Select } from '../../ui/select.tsx'
import { Checkbox } from '../../ui/switch.tsx'

const SORTS = [
  { value: 'downloads', label: 'Most downloaded' },
  { value: 'likes', label: 'Most liked' },
  { value: 'updated', label: 'Last updated' },
  { value: 'trending', label: 'Trending' },
] as const

const LICENCES = [
  'any',
  'apache-2.0',
  'mit',
  'llama3.2',
  'llama3.1',
  'llama3',
  'gemma',
  'cc-by-4.0',
  'cc-by-nc-4.0',
  'other',
]

export function FilterPanel({ query, onQuery }: { query: HubQuery; onQuery(query: HubQuery): void }) {
  return (
    <section aria-label="Filters" className="flex shrink-0 flex-col gap-3 border-b border-line px-4 pt-2 pb-4">
      <Field label="Order">
        <Select value={query.sort} onChange={(sort) => onQuery({ ...query, sort })} options={SORTS} />
      </Field>
      <Field label="Author" hint="A user or an organization">
        <Input
          value={query.author}
          placeholder="any"
          spellCheck={false}
          onChange={(event) => onQuery({ ...query, author: event.target.value })}
        />
      </Field>
      <Field label="Licence">
        <Select
          value={query.licence === '' ? 'any' : query.licence}
          onChange={(licence) => onQuery({ ...query, licence: licence === 'any' ? '' : licence })}
          options={LICENCES.map((value) => ({ value, label: value }))}
        />
      </Field>
      <Field label="Already quantized">
        <Segmented
          size="sm"
          value={query.quantized}
          onChange={(quantized) => onQuery({ ...query, quantized })}
          options={[
            { value: 'none', label: 'Hide' },
            { value: 'any', label: 'Show' },
            { value: 'only', label: 'Only' },
          ]}
        />
      </Field>
      <Tick
        label="Architectures that run here"
        checked={query.supported}
        onChange={(supported) => onQuery({ ...query, supported })}
      />
      <Tick label="Fits this machine at 4 bits" checked={query.fits} onChange={(fits) => onQuery({ ...query, fits })} />
    </section>
  )
}

function Tick({ label, checked, onChange }: { label: string; checked: boolean; onChange(on: boolean): void }) {
  return (
    <div className="flex items-center gap-2 text-sm text-ink">
      <Checkbox aria-label={label} checked={checked} onChange={onChange} />
      <span aria-hidden>{label}</span>
    </div>
  )
}
