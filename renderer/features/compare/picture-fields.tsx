/** The pictures that accuracy is measured on: folder, labels, and the sentence that labels stand in. */
import { FolderOpen } from 'lucide-react'
import type { CompareRow, EvaluateRequest } from '../../../electron/contract/domain.ts'
import { DEFAULT_PROMPT_TEMPLATE, promptTemplateSchema } from '../../../electron/contract/vision.ts'
import { usePathPicker } from '../../client/path-picker.tsx'
import { useQuery } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { Input } from '../../ui/input.tsx'

export type Pictures = NonNullable<EvaluateRequest['pictures']>

export interface PictureFieldsProps {
  value: Pictures | null
  /** Questions with known answers, for a model that writes; else labels. */
  asks: boolean
  onChange(value: Pictures): void
}

export function PictureFields({ value, asks, onChange }: PictureFieldsProps) {
  const picker = usePathPicker()
  const { data, error } = useQuery(
    'images.list',
    { dir: value?.dir ?? '', labels: value?.labels ?? null },
    { enabled: value !== null },
  )

  async function chooseFolder(): Promise<void> {
    const dir = await picker.pick({ pick: 'folder', title: 'Choose a folder of pictures' })
    if (dir !== null) onChange({ dir, labels: null, template: value?.template ?? DEFAULT_PROMPT_TEMPLATE })
  }

  async function chooseLabels(current: Pictures): Promise<void> {
    const title = asks ? 'Choose the file of questions' : 'Choose the file of labels'
    const labels = await picker.pick({ pick: 'file', title })
    if (labels !== null) onChange({ ...current, labels })
  }

  const known = data?.images.filter(({ label }) => label !== null).length ?? 0
  return (
    <div className="grid gap-4 md:grid-cols-2">
      <Field label="Pictures" hint={value?.dir ?? 'A folder of pictures.'} error={error?.message}>
        <Button className="self-start" onClick={() => void chooseFolder()}>
          <FolderOpen aria-hidden />
          Choose a folder
        </Button>
      </Field>
      {value !== null && (
        <Field
          label={asks ? 'Questions' : 'Labels'}
          hint={
            value.labels ??
            (asks
              ? 'CSV with file,question,answer, or JSON.'
              : `Subfolders are labels: ${known} of ${data?.images.length ?? 0} pictures have one of ${data?.labels.length ?? 0}.`)
          }
        >
          <Button className="self-start" onClick={() => void chooseLabels(value)}>
            {asks ? 'Choose the questions' : 'Labels from a file'}
          </Button>
        </Field>
      )}
      {value !== null && !asks && (
        <Field
          label="Prompt template"
          hint="Each label stands at {}."
          error={promptTemplateSchema.safeParse(value.template).success ? null : 'The template needs {}.'}
        >
          <Input value={value.template} onChange={(event) => onChange({ ...value, template: event.target.value })} />
        </Field>
      )}
      {picker.element}
    </div>
  )
}

/** The pictures that most of these versions were measured on last, so that new numbers can stand beside theirs. */
export function usualPictures(rows: readonly CompareRow[]): Pictures | null {
  const measured = rows
    .flatMap(({ measurements }) => measurements)
    .filter(({ metric }) => metric === 'accuracy' || metric === 'answer-accuracy')
    .toSorted((a, b) => b.at.localeCompare(a.at))
  const { folder, labelsFrom, template } = measured[0]?.protocol ?? {}
  if (typeof folder !== 'string' || typeof labelsFrom !== 'string') return null
  return {
    dir: folder,
    labels: labelsFrom === 'subfolders' ? null : labelsFrom,
    template: typeof template === 'string' ? template : DEFAULT_PROMPT_TEMPLATE,
  }
}

/** Whether accuracy can be measured on them. */
export function picturesReady(pictures: Pictures | null, asks: boolean): boolean {
  if (pictures === null) return false
  return asks ? pictures.labels !== null : promptTemplateSchema.safeParse(pictures.template).success
}
