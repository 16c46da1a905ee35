import { type FormEvent, useId, useState } from 'react'
import { ErrorView } from '../../client/error-view.tsx'
import { useAction } from '../../client/use-action.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { Input } from '../../ui/input.tsx'

export interface SavePresetDialogProps {
  open: boolean
  onOpenChange(open: boolean): void
  onSave(name: string, description: string): Promise<void>
}

/** Names the plan so that it can be used on other models too. */
export function SavePresetDialog({ open, onOpenChange, onSave }: SavePresetDialogProps) {
  const formId = useId()
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const save = useAction(onSave)

  function submit(event: FormEvent): void {
    event.preventDefault()
    if (name.trim() !== '') void save.run(name.trim(), description.trim())
  }

  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Save as preset"
      description="Kept as a base and rules on names, so it can be used on other models with the same layers."
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button type="submit" form={formId} variant="primary" pending={save.pending} disabled={name.trim() === ''}>
            Save preset
          </Button>
        </>
      }
    >
      <form id={formId} onSubmit={submit} className="flex flex-col gap-3">
        {save.error !== null && <ErrorView error={save.error} />}
        <Field label="Name">
          <Input value={name} maxLength={80} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Field label="What it is for" hint="Optional.">
          <Input value={description} maxLength={200} onChange={(event) => setDescription(event.target.value)} />
        </Field>
      </form>
    </Dialog>
  )
}
