/** The resolved table, name by name, before anything is started. */
import { useMemo, useState } from 'react'
import type { Estimate, ModelSummary } from '../../../electron/contract/domain.ts'
import type { QuantConfig, ResolvedTensor } from '../../../electron/contract/quant.ts'
import { choiceLabel } from '../../../electron/plan/choices.ts'
import { DeviceSelect } from '../../client/device-select.tsx'
import { useDevice } from '../../client/use-device.ts'
import { Button } from '../../ui/button.tsx'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { formatDisk, formatShape } from '../../ui/format.ts'
import { Input, SearchInput } from '../../ui/input.tsx'
import { Kbd } from '../../ui/kbd.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import { Checkbox } from '../../ui/switch.tsx'

export interface StartOptions {
  readonly name: string | undefined
  readonly measure: boolean
}

export interface ReviewDialogProps {
  open: boolean
  onOpenChange(open: boolean): void
  model: ModelSummary
  config: QuantConfig
  /** With the table as base and rules decide it. */
  estimate: Estimate
  pending: boolean
  problem: React.ReactNode
  onStart(options: StartOptions): void
}

const COLUMNS: readonly Column<ResolvedTensor>[] = [
  {
    id: 'name',
    header: 'Tensor',
    width: '38%',
    cell: (row) => <span className="font-mono text-xs">{row.name}</span>,
    sortBy: (row) => row.name,
  },
  { id: 'shape', header: 'Shape', cell: (row) => formatShape(row.shape), align: 'right' },
  {
    id: 'choice',
    header: 'Becomes',
    cell: (row) => choiceLabel(row.choice),
    sortBy: (row) => choiceLabel(row.choice),
  },
  {
    id: 'why',
    header: 'Because of',
    cell: (row) => <span className="font-mono text-xs text-ink-2">{row.decidedBy}</span>,
    sortBy: (row) => row.decidedBy,
  },
  {
    id: 'bits',
    header: 'Bits/weight',
    cell: (row) => row.bitsPerWeight.toFixed(2),
    sortBy: (row) => row.bitsPerWeight,
    align: 'right',
  },
  {
    id: 'bytes',
    header: 'Stored',
    cell: (row) => formatDisk(row.bytes),
    sortBy: (row) => row.bytes,
    align: 'right',
  },
]

export function ReviewDialog(props: ReviewDialogProps) {
  const { open, onOpenChange, model, config, estimate, pending, problem, onStart } = props
  const { table } = estimate
  const device = useDevice()
  const [filter, setFilter] = useState('')
  const [name, setName] = useState('')
  const [measure, setMeasure] = useState(true)
  const rows = useMemo(() => {
    const wanted = filter.trim().toLowerCase()
    return wanted === '' ? table : table.filter((row) => row.name.toLowerCase().includes(wanted))
  }, [table, filter])
  const start = () => onStart({ name: name.trim() === '' ? undefined : name.trim(), measure })
  useShortcut({ keys: 'mod+enter', label: 'Start quantizing', enabled: open && !pending, inFields: true, run: start })

  const quantized = table.filter((row) => row.choice.kind === 'quantize').length
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      size="xl"
      title={`What every tensor of ${model.name} will get`}
      description={`${quantized} quantized, ${table.length - quantized} kept, ${formatDisk(estimate.fileBytes)} predicted. ${ruleWords(config)}`}
      className="gap-3"
      footer={
        <>
          <span className="mr-auto text-xs text-ink-3">
            The original is not touched. Finished tensors survive a stop.
          </span>
          <Button onClick={() => onOpenChange(false)}>Back</Button>
          <Button variant="primary" pending={pending} onClick={start}>
            Start quantizing
            <Kbd keys="mod+enter" />
          </Button>
        </>
      }
    >
      {problem}
      <div className="flex flex-wrap items-end gap-4">
        <Field label="Name of the new model" className="w-80">
          <Input
            placeholder="Chosen from the bits"
            value={name}
            maxLength={120}
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <div className="flex h-8 items-center gap-2 text-sm text-ink-2">
          <Checkbox aria-label="Measure afterwards" checked={measure} onChange={setMeasure} />
          Measure perplexity and speed afterwards
        </div>
        {device.gpus.length > 0 && (
          <Field label="Quantize on">
            <DeviceSelect device={device} className="w-52" />
          </Field>
        )}
        <SearchInput label="Filter tensors" value={filter} onChange={setFilter} className="ml-auto w-56" />
      </div>
      <div className="-mx-5 flex h-[50vh] min-h-0 flex-col border-t border-line">
        <DataTable label="Resolved table" columns={COLUMNS} rows={rows} rowKey={(row) => row.name} rowHeight={28} />
      </div>
    </Dialog>
  )
}

function ruleWords({ rules }: QuantConfig): string {
  if (rules.length === 0) return 'No rules beside the base.'
  return rules.length === 1 ? 'One rule beside the base.' : `${rules.length} rules beside the base.`
}
