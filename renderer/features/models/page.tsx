import { Boxes, FolderPlus } from 'lucide-react'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { usePathPicker } from '../../client/path-picker.tsx'
import { navigate, useRoute } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { useWatch } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { useCommands } from '../../ui/commands.ts'
import { EmptyState } from '../../ui/empty-state.tsx'
import { SplitPane } from '../../ui/split-pane.tsx'
import { libraryRows } from './library.ts'
import { ModelList } from './model-list.tsx'
import { ModelView } from './model-view.tsx'

/** Models: the library left, the chosen model right. */
export function ModelsPage() {
  const client = useClient()
  const library = useWatch('models.watch', {})
  const { params } = useRoute()
  const picker = usePathPicker()
  const add = useAction(async () => {
    const path = await picker.pick({
      pick: 'model',
      title: 'Add a model',
      description:
        'A folder with config.json, the tokenizer and the weights (safetensors, qmodel.pt or PyTorch files), or a GGUF file. Nothing is copied.',
      confirmLabel: 'Add this model',
    })
    if (path === null) return
    const model = await client.call('models.add', { path })
    navigate('models', { model: model.id })
  })
  const models = library.data?.models ?? []
  const rows = libraryRows(models)
  const selected = models.find(({ id }) => id === params.model) ?? (params.model ? undefined : rows[0]?.model)
  const startAdding = () => void add.run()
  useCommands([{ id: 'add-model', label: 'Add a model', group: 'Models', run: startAdding }])
  return (
    <SplitPane
      id="models"
      listLabel="Library"
      list={
        <ModelList library={library} selectedId={selected?.id ?? null} onAdd={startAdding} isAdding={add.pending} />
      }
    >
      {add.error && (
        <ErrorView error={add.error} title="The model was not added" onRetry={startAdding} className="m-5 mb-0" />
      )}
      {selected ? (
        <ModelView key={selected.id} model={selected} />
      ) : (
        library.data && (
          <EmptyState
            icon={Boxes}
            title={models.length === 0 ? 'No models yet' : 'This model is no longer in the library'}
            action={
              <Button onClick={startAdding}>
                <FolderPlus aria-hidden />
                Add a model
              </Button>
            }
          >
            {models.length === 0
              ? 'Add a folder that holds a model in the Hugging Face format: config.json, a tokenizer and the weights.'
              : 'Choose another on the left, or add its folder again.'}
          </EmptyState>
        )
      )}
      {picker.element}
    </SplitPane>
  )
}
