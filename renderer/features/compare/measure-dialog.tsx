/** Starts measurements of chosen versions, all under one protocol, so that they can be compared. */
import { useState } from 'react'
import type { CompareRow, EvaluateRequest, TextSource } from '../../../electron/contract/domain.ts'
import { uselessBecause } from '../../../electron/plan/abilities.ts'
import { WIKITEXT_2 } from '../../../electron/plan/texts.ts'
import { useClient } from '../../client/context.tsx'
import { DeviceSelect } from '../../client/device-select.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { usePathPicker } from '../../client/path-picker.tsx'
import { useAction } from '../../client/use-action.ts'
import { useDevice } from '../../client/use-device.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { NumberField } from '../../ui/number-field.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { Checkbox } from '../../ui/switch.tsx'
import { toast } from '../../ui/toast.tsx'
import { PictureFields, picturesReady, usualPictures } from './picture-fields.tsx'
import { abilitiesOf, choiceLike, protocolsOf } from './rows.ts'

export interface MeasureDialogProps {
  rows: readonly CompareRow[]
  /** Versions ticked at first. */
  initial: readonly string[]
  onClose(): void
}

type Metric = 'perplexity' | 'speed' | 'divergence' | 'accuracy'

const PROTOCOL_HINTS = {
  windows: 'Windows of N tokens that do not overlap; each scores N − 1 tokens.',
  hqq: 'The reference: sliding windows; earlier tokens of a window are context only.',
} as const

export function MeasureDialog({ rows, initial, onClose }: MeasureDialogProps) {
  const client = useClient()
  const picker = usePathPicker()
  const device = useDevice()
  const original = rows.find(({ role, model }) => role === 'original' && uselessBecause(model) === null)
  const { sees, writes } = abilitiesOf(rows)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(initial))
  const [metrics, setMetrics] = useState<ReadonlySet<Metric>>(
    new Set(writes ? (['perplexity', 'speed'] as const) : (['accuracy'] as const)),
  )
  const [pictures, setPictures] = useState(() => usualPictures(rows))
  // As most versions were measured, so that the new numbers can stand beside theirs.
  const [usual] = useState(() => choiceLike(protocolsOf(rows, 'perplexity')[0]))
  const [protocol, setProtocol] = useState<EvaluateRequest['protocol']>(usual.protocol)
  const [window, setWindow] = useState(usual.window)
  const [stride, setStride] = useState(usual.stride)
  const [maxTokens, setMaxTokens] = useState(usual.maxTokens)
  const [text, setText] = useState<TextSource>({ kind: 'bundled' })

  const start = useAction(async () => {
    const ids = rows.map(({ model }) => model.id).filter((id) => chosen.has(id))
    let queued = 0
    for (const modelId of ids) {
      // The original is what divergence is measured from.
      const wanted = [...metrics].filter((metric) => metric !== 'divergence' || modelId !== original?.model.id)
      if (wanted.length === 0) continue
      const reference = original === undefined ? {} : { referenceModelId: original.model.id }
      const how = { text, protocol, window, stride, maxTokens, ...(pictures === null ? {} : { pictures }) }
      await client.call('evaluate.start', { modelId, metrics: wanted, ...reference, ...how })
      queued++
    }
    toast.done(queued === 1 ? 'Measurement queued' : `${queued} measurements queued`)
    onClose()
  })

  function chooseProtocol(next: EvaluateRequest['protocol']): void {
    setProtocol(next)
    // What each protocol is usually quoted at.
    setWindow(next === 'hqq' ? 1024 : 512)
    setStride(512)
  }

  async function pickText(): Promise<void> {
    const path = await picker.pick({ pick: 'file', title: 'Text to measure on', confirmLabel: 'Choose' })
    if (path !== null) setText({ kind: 'file', path })
  }

  const onText = writes && (metrics.has('perplexity') || metrics.has('divergence'))
  const onPictures = metrics.has('accuracy') || (!writes && metrics.has('divergence'))
  const canStart = chosen.size > 0 && metrics.size > 0 && (!onPictures || picturesReady(pictures, writes))
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="lg"
      title="Measure"
      description="Numbers can be compared only under the same protocol, so all versions get the same one."
      className="gap-5"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" pending={start.pending} disabled={!canStart} onClick={() => void start.run()}>
            Measure {chosen.size === 1 ? '1 version' : `${chosen.size} versions`}
          </Button>
        </>
      }
    >
      {start.error !== null && <ErrorView error={start.error} />}
      <fieldset className="flex flex-col gap-1.5">
        <legend className="mb-1 text-sm font-medium text-ink-2">Versions</legend>
        {rows.map(({ model }) => (
          <Tick
            key={model.id}
            label={model.name}
            hint={uselessBecause(model)?.message}
            disabled={uselessBecause(model) !== null}
            checked={chosen.has(model.id)}
            onChange={(on) => setChosen(withMember(chosen, model.id, on))}
          />
        ))}
      </fieldset>
      <fieldset className="flex flex-wrap gap-x-6 gap-y-1.5">
        <legend className="mb-1 text-sm font-medium text-ink-2">What</legend>
        {METRICS.filter(({ needs }) => (needs === 'eyes' ? sees : writes)).map(({ metric, label }) => (
          <Tick
            key={metric}
            label={label}
            checked={metrics.has(metric)}
            onChange={(on) => setMetrics(withMember(metrics, metric, on))}
          />
        ))}
        {original !== undefined && (
          <Tick
            label="Divergence from the original"
            checked={metrics.has('divergence')}
            onChange={(on) => setMetrics(withMember(metrics, 'divergence', on))}
          />
        )}
      </fieldset>
      {device.gpus.length > 0 && (
        <Field label="Measure on" hint="Numbers of different devices are not drawn together">
          <DeviceSelect device={device} />
        </Field>
      )}
      {onPictures && <PictureFields value={pictures} asks={writes} onChange={setPictures} />}
      {onText && (
        <div className="grid gap-4 md:grid-cols-2">
          <Field
            label="Protocol"
            hint={`${PROTOCOL_HINTS[protocol]}${metrics.has('divergence') && protocol === 'hqq' ? ' Divergence takes windows that do not overlap.' : ''}`}
          >
            <Segmented
              value={protocol}
              onChange={chooseProtocol}
              options={[
                { value: 'windows', label: 'Windows' },
                { value: 'hqq', label: 'HQQ reference' },
              ]}
            />
          </Field>
          <Field label="Text" hint={textHint(text)}>
            <div className="flex gap-2">
              <Segmented
                value={text.kind}
                onChange={(kind) => {
                  if (kind === 'file') void pickText()
                  else setText(kind === 'dataset' ? WIKITEXT_2 : { kind: 'bundled' })
                }}
                options={[
                  { value: 'bundled', label: 'Bundled' },
                  { value: 'dataset', label: 'WikiText-2' },
                  { value: 'file', label: 'File …' },
                ]}
              />
            </div>
          </Field>
          <Field label="Window" hint="Longer windows give lower numbers.">
            <NumberField
              integer
              min={2}
              max={131_072}
              unit="tokens"
              value={window}
              onChange={(next) => {
                if (next === null) return
                setWindow(next)
                setStride(Math.min(stride, next))
              }}
            />
          </Field>
          {protocol === 'hqq' && (
            <Field label="Stride">
              <NumberField
                integer
                min={1}
                max={window}
                unit="tokens"
                value={stride}
                onChange={(next) => next !== null && setStride(next)}
              />
            </Field>
          )}
          <Field label="Limit" hint="Only the first tokens of the text; empty: all of it.">
            <NumberField
              integer
              allowEmpty
              min={2}
              step={1000}
              unit="tokens"
              placeholder="all"
              value={maxTokens}
              onChange={setMaxTokens}
            />
          </Field>
        </div>
      )}
      {picker.element}
    </Dialog>
  )
}

const METRICS: readonly { metric: Metric; label: string; needs: 'eyes' | 'words' }[] = [
  { metric: 'accuracy', label: 'Accuracy on pictures', needs: 'eyes' },
  { metric: 'perplexity', label: 'Perplexity', needs: 'words' },
  { metric: 'speed', label: 'Speed and memory', needs: 'words' },
]

function textHint(text: TextSource): string {
  if (text.kind === 'file') return text.path
  return text.kind === 'bundled'
    ? 'The evaluation text that comes with the app.'
    : `${text.repo}, ${text.config}, ${text.split}: fetched from the Hub once, then kept in its cache.`
}

interface TickProps {
  label: string
  hint?: string | undefined
  checked: boolean
  disabled?: boolean
  onChange(checked: boolean): void
}

function Tick({ label, hint, checked, disabled = false, onChange }: TickProps) {
  return (
    <div className="flex items-center gap-2 text-sm text-ink">
      <Checkbox aria-label={label} checked={checked} disabled={disabled} onChange={onChange} />
      <span aria-hidden>{label}</span>
      {hint !== undefined && <span className="truncate text-xs text-ink-3">{hint}</span>}
    </div>
  )
}

function withMember<T>(set: ReadonlySet<T>, member: T, isIn: boolean): ReadonlySet<T> {
  const next = new Set(set)
  if (isIn) next.add(member)
  else next.delete(member)
  return next
}
