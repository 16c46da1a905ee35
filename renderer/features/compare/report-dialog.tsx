/** Saves a report on one version as a file: one press, and what has no figure yet is measured first. */
import { useEffect, useState } from 'react'
import { useStore } from 'zustand'
import type { CompareRow } from '../../../electron/contract/domain.ts'
import type { ReportFormat } from '../../../electron/contract/report.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { createStreamRun } from '../../client/stream-run.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { downloadText } from '../../ui/download.ts'
import { Field } from '../../ui/field.tsx'
import { ProgressBar } from '../../ui/progress.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { Select } from '../../ui/select.tsx'
import { Checkbox } from '../../ui/switch.tsx'
import { toast } from '../../ui/toast.tsx'

export interface ReportDialogProps {
  rows: readonly CompareRow[]
  onClose(): void
}

const FORMATS: readonly { value: ReportFormat; label: string }[] = [
  { value: 'html', label: 'HTML' },
  { value: 'md', label: 'Markdown' },
  { value: 'json', label: 'JSON' },
]

const HINTS: Readonly<Record<ReportFormat, string>> = {
  html: 'One file for any browser, without a network; prints well.',
  md: 'Text with tables, for a repository or a chat.',
  json: 'Everything, for programs.',
}

export function ReportDialog({ rows, onClose }: ReportDialogProps) {
  const client = useClient()
  const [run] = useState(() =>
    createStreamRun(client, {
      method: 'report.make',
      initial: { phase: 'starting', done: 0, total: 0, unit: '' },
      reduce: (_, { phase, done, total, unit }) => ({ phase, done, total, unit }),
    }),
  )
  useEffect(() => () => run.stop(), [run])
  const { running, progress, error } = useStore(run.store)
  const [modelId, setModelId] = useState((rows.find(({ role }) => role === 'quantized') ?? rows[0])?.model.id ?? '')
  const [format, setFormat] = useState<ReportFormat>('html')
  const [measures, setMeasures] = useState(true)

  async function save(): Promise<void> {
    const made = await run.start({ modelId, format, measure: measures ? 'missing' : 'none' })
    if (made === null) return
    downloadText(made.fileName, made.text, made.mediaType)
    toast.done(`Saved ${made.fileName}`)
    onClose()
  }

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Save a report"
      description="What each tensor got, memory, time, perplexity, divergence from the original, samples, hardware, and the commands that repeat it."
      className="gap-5"
      footer={
        <>
          <Button onClick={running ? run.stop : onClose}>{running ? 'Stop' : 'Cancel'}</Button>
          <Button variant="primary" pending={running} onClick={() => void save()}>
            Save report
          </Button>
        </>
      }
    >
      {error !== null && <ErrorView error={error} />}
      <Field label="Version">
        <Select
          value={modelId}
          onChange={setModelId}
          disabled={running}
          options={rows.map(({ model }) => ({ value: model.id, label: model.name }))}
        />
      </Field>
      <Field label="Format" hint={HINTS[format]}>
        <Segmented value={format} onChange={setFormat} options={FORMATS} />
      </Field>
      <div className="flex items-center gap-2 text-sm text-ink">
        <Checkbox
          aria-label="Measure what has no figure yet"
          checked={measures}
          disabled={running}
          onChange={setMeasures}
        />
        <span aria-hidden>Measure what has no figure yet, and write samples</span>
      </div>
      {running && (
        <div className="flex items-center gap-4" role="status">
          <ProgressBar
            label={progress.phase}
            value={progress.total === 0 ? null : progress.done / progress.total}
            className="max-w-72"
          />
          <span className="text-xs text-ink-3">
            {progress.phase}
            {progress.total > 0 && `, ${progress.done} of ${progress.total} ${progress.unit}`}
          </span>
        </div>
      )}
    </Dialog>
  )
}
