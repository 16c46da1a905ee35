/** A folder searched by meaning: the pictures most like a text, or most like a picture. */
import { ImageUp, Search } from 'lucide-react'
import { useState } from 'react'
import { useStore } from 'zustand'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import type { ImageRef } from '../../../electron/contract/vision.ts'
import { canSee } from '../../../electron/plan/abilities.ts'
import { addPicture } from '../../client/add-picture.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { PictureButton, PictureDrop } from '../../client/picture-drop.tsx'
import { Thumbnail } from '../../client/thumbnail.tsx'
import { useAction } from '../../client/use-action.ts'
import { useQuery } from '../../client/use-query.ts'
import { EmptyState } from '../../ui/empty-state.tsx'
import { Field } from '../../ui/field.tsx'
import { Input } from '../../ui/input.tsx'
import { ProgressBar } from '../../ui/progress.tsx'
import { RunBar } from '../../ui/run-bar.tsx'
import { Select } from '../../ui/select.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import { FolderField } from './folder-field.tsx'
import { SearchHits } from './search-hits.tsx'
import type { VisionStore } from './store.ts'
import type { Versions } from './use-versions.ts'
import { useVision } from './use-vision-store.ts'

export interface SearchViewProps {
  store: VisionStore
  source: ModelSummary
  versions: Versions
}

/** What is looked for: words, or a picture with its name. */
type Wanted = { kind: 'text' } | { kind: 'image'; image: ImageRef; name: string }

export function SearchView({ store, source, versions }: SearchViewProps) {
  const client = useClient()
  const folder = useVision(store, (state) => state.folder)
  const listing = useQuery('images.list', { dir: folder?.dir ?? '' }, { enabled: folder !== null })
  const { running, progress, result, input, error } = useStore(store.searching.store)
  const [modelId, setModelId] = useState(source.id)
  const [text, setText] = useState('')
  const [wanted, setWanted] = useState<Wanted>({ kind: 'text' })
  const readsText = source.vision?.kind === 'clip'
  const images = (listing.data?.images ?? []).map(({ path }) => ({ kind: 'file' as const, path }))
  const model = versions.all.find(({ id }) => id === modelId) ?? source

  const search = (look: Wanted) => {
    const query = look.kind === 'text' ? { kind: 'text' as const, text: text.trim() } : look
    setWanted(look)
    void store.searching.start({
      modelId: model.id,
      images,
      query: query.kind === 'text' ? query : { kind: 'image', image: query.image },
    })
  }
  const take = useAction(async (files: readonly File[]) => {
    const [file] = files
    if (file === undefined) return
    const { id, name } = await addPicture(client, file)
    setWanted({ kind: 'image', image: { kind: 'stored', id }, name })
  })
  const missing =
    folder === null
      ? 'Choose a folder.'
      : images.length === 0
        ? 'The folder has no pictures.'
        : wanted.kind === 'text' && (!readsText || text.trim() === '')
          ? readsText
            ? 'Type what to look for, or choose a picture.'
            : 'Choose a picture to look for.'
          : null
  const canStart = missing === null && !running
  useShortcut({ keys: 'mod+enter', label: 'Search', inFields: true, enabled: canStart, run: () => search(wanted) })
  const asked = input?.images.length ?? 0
  return (
    <PictureDrop
      label="Search by meaning"
      onFiles={(files) => void take.run(files)}
      className="flex min-h-0 flex-1 flex-col"
    >
      <div className="flex min-h-0 flex-1 flex-col gap-4 overflow-y-auto px-5 py-4">
        <FolderField store={store} labelled={null} />
        <div className="flex flex-wrap items-end gap-3">
          {readsText && (
            <Field label="Look for" className="w-80">
              <Input
                value={text}
                placeholder="a red star"
                onChange={(event) => {
                  setText(event.target.value)
                  setWanted({ kind: 'text' })
                }}
                onKeyDown={(event) => event.key === 'Enter' && canStart && search({ kind: 'text' })}
              />
            </Field>
          )}
          <PictureButton pending={take.pending} onFiles={(files) => void take.run(files)}>
            <ImageUp aria-hidden />
            Look for a picture
          </PictureButton>
          {versions.all.length > 1 && (
            <Field label="Version" className="w-64">
              <Select
                value={model.id}
                onChange={setModelId}
                options={versions.all.map((one) => ({ value: one.id, label: one.name, disabled: !canSee(one) }))}
              />
            </Field>
          )}
          {wanted.kind === 'image' && (
            <span className="flex items-center gap-2 text-sm text-ink-2">
              <Thumbnail image={wanted.image} alt="" className="size-8" />
              like {wanted.name}
            </span>
          )}
        </div>
        {take.error && <ErrorView error={take.error} title="This picture cannot be read" />}
        {error && <ErrorView error={error} onRetry={() => search(wanted)} />}
        {running && (
          <div role="status" className="flex items-center gap-4">
            <ProgressBar
              label="Looking through the pictures"
              value={progress.total === 0 ? null : progress.done / progress.total}
              className="max-w-80"
            />
            <span className="text-xs text-ink-3">
              {progress.total === 0 ? 'Loading' : `${progress.done} of ${progress.total} pictures`}
            </span>
          </div>
        )}
        {result === null || input === null ? (
          !running &&
          error === null && (
            <EmptyState icon={Search} title="Find pictures by what they show">
              The pictures of the folder, those most like the words or the picture first. What was looked at once is
              found at once the next time.
            </EmptyState>
          )
        ) : (
          <SearchHits
            hits={result.hits}
            images={input.images}
            listed={listing.data?.images ?? []}
            unread={progress.problems}
            total={asked}
            onMore={(image, name) => search({ kind: 'image', image, name })}
          />
        )}
      </div>
      <RunBar
        label="Search"
        hint={running ? null : missing}
        running={running}
        canStart={canStart}
        onStart={() => search(wanted)}
        onStop={() => store.searching.stop()}
      />
    </PictureDrop>
  )
}
