import { useState } from 'react'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { useClient, useQueryCache } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { navigate } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { Button } from '../../ui/button.tsx'
import { ConfirmDialog, Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { Input } from '../../ui/input.tsx'
import { toast } from '../../ui/toast.tsx'
import { removalOf } from './library.ts'

interface ModelDialogProps {
  model: ModelSummary
  onClose(): void
}

/** Gives a model another name in the library; its folder keeps its own. */
export function RenameDialog({ model, onClose }: ModelDialogProps) {
  const client = useClient()
  const cache = useQueryCache()
  const [name, setName] = useState(model.name)
  const trimmed = name.trim()
  const rename = useAction(async () => {
    await client.call('models.rename', { id: model.id, name: trimmed })
    cache.invalidate('models.inspect', { id: model.id })
    onClose()
  })
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Rename"
      size="sm"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            form="rename"
            type="submit"
            pending={rename.pending}
            disabled={trimmed === '' || trimmed === model.name}
          >
            Rename
          </Button>
        </>
      }
    >
      <form
        id="rename"
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          void rename.run()
        }}
      >
        <Field label="Name" hint="The folder on disk keeps its name.">
          <Input
            value={name}
            maxLength={120}
            onChange={(event) => setName(event.target.value)}
            onFocus={(event) => event.target.select()}
          />
        </Field>
        {rename.error && <ErrorView error={rename.error} />}
      </form>
    </Dialog>
  )
}

/** Deletes what was made here, or forgets what was added, after saying which of the two it is. */
export function RemoveDialog({ model, onClose }: ModelDialogProps) {
  const client = useClient()
  const cache = useQueryCache()
  const removal = removalOf(model)
  const remove = useAction(async () => {
    await client.call('models.remove', { id: model.id })
    cache.invalidate('compare.rows')
    navigate('models', { model: model.quantization?.sourceModelId ?? undefined }, { replace: true })
    toast.done(removal?.verb === 'Delete' ? `${model.name} was deleted` : `${model.name} was removed from the library`)
    onClose()
  })
  if (!removal) return null
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`${removal.verb} ${model.name}?`}
      description={
        <>
          <p>{removal.consequence}</p>
          {remove.error && <ErrorView error={remove.error} className="mt-3" />}
        </>
      }
      confirmLabel={removal.verb}
      danger={removal.verb === 'Delete'}
      pending={remove.pending}
      onConfirm={() => void remove.run()}
    />
  )
}
