import { useState } from 'react'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { type ComputeDtype, computeDtypeSchema } from '../../../electron/contract/quant.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { navigate } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { Segmented } from '../../ui/segmented.tsx'

/** Plain weights again, as a model of its own. */
export function DequantizeDialog({ model, onClose }: { model: ModelSummary; onClose(): void }) {
  const client = useClient()
  const [dtype, setDtype] = useState<ComputeDtype>('float16')
  const start = useAction(async () => {
    const job = await client.call('dequantize.start', { modelId: model.id, dtype })
    navigate('jobs', { job: job.id })
  })
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="sm"
      title={`Dequantize ${model.name}`}
      description="Writes its layers as plain safetensors that other programs read. What quantizing lost does not come back."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" pending={start.pending} onClick={() => void start.run()}>
            Dequantize
          </Button>
        </>
      }
    >
      {start.error && <ErrorView error={start.error} />}
      <Field label="Type of the weights" hint="The result is as large as an unquantized model of this type.">
        <Segmented
          value={dtype}
          onChange={setDtype}
          options={computeDtypeSchema.options.map((value) => ({ value, label: value }))}
        />
      </Field>
    </Dialog>
  )
}
