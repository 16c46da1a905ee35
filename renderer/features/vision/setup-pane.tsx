/** What is looked through and for: the model, its versions, labels and the sentence they stand in. */
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { promptTemplateSchema } from '../../../electron/contract/vision.ts'
import { canSee } from '../../../electron/plan/abilities.ts'
import { navigate } from '../../client/route.ts'
import { Field } from '../../ui/field.tsx'
import { Input, TextArea } from '../../ui/input.tsx'
import { Select } from '../../ui/select.tsx'
import { Checkbox } from '../../ui/switch.tsx'
import { labelsIn, promptOf } from './labels.ts'
import type { VisionStore } from './store.ts'
import type { Versions } from './use-versions.ts'
import { useVision } from './use-vision-store.ts'

export interface SetupPaneProps {
  store: VisionStore
  source: ModelSummary
  sources: readonly ModelSummary[]
  versions: Versions
  /** What is looked through; a folder brings labels of its own. */
  view: 'pictures' | 'folder' | 'search'
}

export function SetupPane({ store, source, sources, versions, view }: SetupPaneProps) {
  return (
    <>
      <div className="flex h-14 shrink-0 items-center border-b border-line px-4">
        <h1 className="text-sm font-semibold text-ink">Vision</h1>
      </div>
      <div className="flex min-h-0 flex-1 flex-col gap-4 overflow-y-auto p-4">
        <Field label="Model">
          <Select
            value={source.id}
            onChange={(id) => navigate('vision', { model: id })}
            options={sources.map((model) => ({ value: model.id, label: model.name, hint: kindWords(model) }))}
          />
        </Field>
        <fieldset>
          <legend className="mb-1 text-sm font-medium text-ink-2">Versions</legend>
          <div className="flex flex-col gap-1.5">
            {versions.all.map((model) => {
              const checked = versions.chosen.includes(model)
              return (
                <div key={model.id} className="flex min-w-0 items-center gap-2 text-sm text-ink">
                  <Checkbox
                    aria-label={model.name}
                    checked={checked}
                    disabled={!canSee(model) || (versions.full && !checked)}
                    onChange={(on) => versions.set(model.id, on)}
                  />
                  <span aria-hidden className="min-w-0 flex-1 truncate">
                    {model.name}
                  </span>
                  <span className="shrink-0 text-xs text-ink-3">
                    {model.id === source.id ? 'original' : model.quantization?.label}
                  </span>
                </div>
              )
            })}
          </div>
        </fieldset>
        {source.vision?.kind === 'clip' && view === 'pictures' && <LabelField store={store} />}
        {source.vision?.kind === 'clip' && view !== 'search' && <TemplateField store={store} />}
      </div>
    </>
  )
}

function LabelField({ store }: { store: VisionStore }) {
  const text = useVision(store, ({ labels }) => labels)
  const labels = labelsIn(text)
  return (
    <Field
      label="Labels"
      hint={
        labels.length === 0
          ? 'One a line, or separated by commas.'
          : `${labels.length} ${labels.length === 1 ? 'label' : 'labels'}`
      }
    >
      <TextArea
        rows={6}
        value={text}
        placeholder={'red circle\nblue star\ngreen square'}
        onChange={(event) => store.setLabels(event.target.value)}
      />
    </Field>
  )
}

function TemplateField({ store }: { store: VisionStore }) {
  const first = useVision(store, ({ labels }) => labelsIn(labels)[0])
  const template = useVision(store, (state) => state.template)
  return (
    <Field
      label="Prompt template"
      hint={first === undefined ? 'Each label stands at {}.' : `Asks for “${promptOf(template, first)}”.`}
      error={templateProblem(template)}
    >
      <Input value={template} onChange={(event) => store.setTemplate(event.target.value)} />
    </Field>
  )
}

export function templateProblem(template: string): string | null {
  return promptTemplateSchema.safeParse(template).success ? null : 'The template needs {} where the label goes.'
}

function kindWords({ vision }: ModelSummary): string {
  if (vision?.kind === 'clip') return 'compares pictures with texts'
  return vision?.kind === 'llava' ? 'writes about pictures' : 'compares pictures'
}
