import { useState } from 'react'
import type { HubModelDetail } from '../../../electron/contract/hub.ts'
import { BUILT_IN_PRESETS } from '../../../electron/plan/presets.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { navigate } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { useQuery } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { formatDisk } from '../../ui/format.ts'
import { Select } from '../../ui/select.tsx'
import { FactList } from '../../ui/stat.tsx'
import { Checkbox } from '../../ui/switch.tsx'
import { suitingEstimate } from './suiting-estimate.ts'

export interface QuantizeDialogProps {
  detail: HubModelDetail
  plan: NonNullable<HubModelDetail['plan']>
  presetId: string
  onClose(): void
}

/** The last look before it starts: what the disk needs, and what is kept. */
export function QuantizeDialog({ detail, plan, presetId, onClose }: QuantizeDialogProps) {
  const client = useClient()
  const { data } = useQuery('presets.list', {})
  const presets = data?.presets ?? BUILT_IN_PRESETS
  const [chosen, setChosen] = useState(presetId)
  const [keepSource, setKeepSource] = useState(false)
  // Only what runs can be measured.
  const runs = detail.runProblem === null
  const [measure, setMeasure] = useState(runs)
  const preset = presets.find(({ id }) => id === chosen) ?? presets[0]
  const start = useAction(async () => {
    if (preset === undefined) return
    const { commit, revision, model } = detail
    const request = { repo: model.name, revision, commit, config: preset.config, keepSource, measure }
    const job = await client.call('hub.quantize', request)
    navigate('jobs', { job: job.id })
    onClose()
  })
  const estimate =
    preset === undefined
      ? 'There is no such preset.'
      : suitingEstimate(plan, preset.config, { contextLength: 16, machine: null })
  const problem = typeof estimate === 'string' ? estimate : null
  const resultBytes = typeof estimate === 'string' ? 0 : estimate.fileBytes
  const weights = detail.files.filter(({ path, needed }) => needed && path.endsWith('.safetensors'))
  const largest = Math.max(0, ...weights.map(({ bytes }) => bytes))
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Quantize while downloading"
      description="Each tensor is quantized as soon as it has arrived. A file is deleted once its hash was right and its tensors are saved."
      className="gap-5"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            pending={start.pending}
            disabled={problem !== null}
            onClick={() => void start.run()}
          >
            Start
          </Button>
        </>
      }
    >
      {start.error && <ErrorView error={start.error} />}
      <Field label="Preset" hint={preset?.description} error={problem}>
        <Select
          value={chosen}
          onChange={setChosen}
          options={presets.map(({ id, name, description }) => ({ value: id, label: name, hint: description }))}
        />
      </Field>
      <FactList
        facts={{
          'Comes over the network': formatDisk(detail.downloadBytes),
          Result: formatDisk(resultBytes),
          'On its way at once, at least': formatDisk(largest),
          'Disk needed, at least': formatDisk(resultBytes + largest + (keepSource ? detail.missingBytes : 0)),
          'Free now': `${formatDisk(detail.freeBytes)}, of which ${formatDisk(detail.floorBytes)} stay free`,
        }}
      />
      <Tick label="Keep the original in the cache too" checked={keepSource} onChange={setKeepSource} />
      {runs && <Tick label="Measure perplexity and speed afterwards" checked={measure} onChange={setMeasure} />}
    </Dialog>
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
