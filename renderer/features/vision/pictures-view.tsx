/** Pictures that are looked at one by one: bars per label, the versions side by side. */
import { FolderOpen, ImagePlus, Images, X } from 'lucide-react'
import { useStore } from 'zustand'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { usePathPicker } from '../../client/path-picker.tsx'
import { PictureButton, PictureDrop } from '../../client/picture-drop.tsx'
import { useAction } from '../../client/use-action.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState } from '../../ui/empty-state.tsx'
import { RunBar } from '../../ui/run-bar.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import { labelsIn } from './labels.ts'
import { PictureDetail } from './picture-detail.tsx'
import { PictureList } from './picture-list.tsx'
import { SeriesProgress } from './series-progress.tsx'
import { templateProblem } from './setup-pane.tsx'
import type { VisionStore } from './store.ts'
import type { Versions } from './use-versions.ts'
import { useVision } from './use-vision-store.ts'

/** Of a folder; more are measured, not looked at. */
const MOST_OF_A_FOLDER = 500

export interface PicturesViewProps {
  store: VisionStore
  source: ModelSummary
  versions: Versions
}

export function PicturesView({ store, source, versions }: PicturesViewProps) {
  const client = useClient()
  const picker = usePathPicker()
  const pictures = useVision(store, (state) => state.pictures)
  const selectedKey = useVision(store, ({ selected }) => selected)
  const text = useVision(store, (state) => state.labels)
  const template = useVision(store, (state) => state.template)
  const { running, error } = useStore(store.classifying.store)
  const selected = pictures.find(({ key }) => key === selectedKey) ?? pictures[0]
  const labels = labelsIn(text)
  const readable = pictures.flatMap(({ key, image }) => (image === null ? [] : [{ key, image }]))

  const addFiles = (files: readonly File[]) => void store.addFiles(files)
  const addFolder = useAction(async () => {
    const dir = await picker.pick({ pick: 'folder', title: 'Choose a folder of pictures' })
    if (dir === null) return
    const { images } = await client.call('images.list', { dir })
    store.addPaths(images.slice(0, MOST_OF_A_FOLDER))
  })

  const missing = missingFor({ pictures: readable.length, labels: labels.length, template, versions })
  const classify = () => {
    const keys = readable.map(({ key }) => key)
    const images = readable.map(({ image }) => image)
    void store.classifying.start(
      { keys, images, labels, template },
      versions.chosen.map(({ id }) => id),
    )
  }
  const canStart = missing === null && !running
  useShortcut({ keys: 'mod+enter', label: 'Classify', inFields: true, enabled: canStart, run: classify })
  const nameOf = (id: string) => versions.all.find((model) => model.id === id)?.name ?? 'a version'

  return (
    <PictureDrop label="Pictures" onFiles={addFiles} className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-2 px-5 py-2.5">
        <PictureButton onFiles={addFiles}>
          <ImagePlus aria-hidden />
          Add pictures
        </PictureButton>
        <Button pending={addFolder.pending} onClick={() => void addFolder.run()}>
          <FolderOpen aria-hidden />
          Add a folder
        </Button>
        {pictures.length > 0 && (
          <Button variant="ghost" onClick={() => store.clear()}>
            <X aria-hidden />
            Clear
          </Button>
        )}
      </div>
      {addFolder.error && <ErrorView error={addFolder.error} className="mx-5 mb-3" />}
      {error && <ErrorView error={error} onRetry={classify} className="mx-5 mb-3" />}
      <div className="px-5 empty:hidden">
        <SeriesProgress series={store.classifying} nameOf={nameOf} />
      </div>
      {selected === undefined ? (
        <EmptyState icon={Images} title="No pictures yet">
          Drop PNG, JPEG or WebP pictures here, or paste them. Each is compared with the labels on the left, by the
          original and by every version beside it.
        </EmptyState>
      ) : (
        <div className="flex min-h-0 flex-1 border-t border-line">
          <PictureList store={store} pictures={pictures} selectedKey={selected.key} original={source.id} />
          <PictureDetail key={selected.key} store={store} picture={selected} source={source} versions={versions} />
        </div>
      )}
      <RunBar
        label="Classify"
        hint={running ? null : missing}
        running={running}
        canStart={canStart}
        onStart={classify}
        onStop={() => store.classifying.stop()}
      />
      {picker.element}
    </PictureDrop>
  )
}

/** What is needed before pictures can be classified; null when nothing is. */
function missingFor(has: { pictures: number; labels: number; template: string; versions: Versions }): string | null {
  if (has.pictures === 0) return 'Add a picture.'
  if (has.labels === 0) return 'Type labels on the left.'
  if (templateProblem(has.template) !== null) return 'The prompt template needs {}.'
  return has.versions.chosen.length === 0 ? 'Choose a version on the left.' : null
}
