/** The Vision screen: what models that see make of pictures, and what quantizing does to that. */
import { Eye, MessageSquareText, Route } from 'lucide-react'
import { useState } from 'react'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { familyOf, sourcesOf } from '../../client/families.ts'
import { hrefFor, useRoute } from '../../client/route.ts'
import { useWatch } from '../../client/use-query.ts'
import { useVisionDemos } from '../../client/use-vision-demos.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState } from '../../ui/empty-state.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { SplitPane } from '../../ui/split-pane.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import { AccuracyView } from './accuracy-view.tsx'
import { PicturesView } from './pictures-view.tsx'
import { SearchView } from './search-view.tsx'
import { SetupPane } from './setup-pane.tsx'
import { rememberTour, Tour, tourHidden } from './tour.tsx'
import { useVersions } from './use-versions.ts'
import { useVisionStore } from './use-vision-store.ts'

type View = 'pictures' | 'folder' | 'search'

export function VisionPage() {
  const { params } = useRoute()
  const models = useWatch('models.watch', {})
  const [view, setView] = useState<View>('pictures')
  const seeing = (models.data?.models ?? []).filter(({ vision }) => vision !== undefined)
  const sources = sourcesOf(seeing)
  const source = familyOf(seeing, params.model) ?? sources[0]
  if (models.isLoading) return <SkeletonRows label="Loading models" />
  if (models.error !== null && models.data === undefined) {
    return <ErrorView className="m-5" error={models.error} onRetry={models.refetch} />
  }
  if (source === undefined) return <NoModel />
  return (
    <Family
      key={source.id}
      source={source}
      sources={sources}
      models={seeing}
      view={viewsOf(source).some(({ value }) => value === view) ? view : (viewsOf(source)[0]?.value ?? 'pictures')}
      onView={setView}
    />
  )
}

function NoModel() {
  const demos = useVisionDemos()
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <h1 className="sr-only">Vision</h1>
      {demos.error && <ErrorView className="m-5" error={demos.error} />}
      <EmptyState
        icon={Eye}
        title="No model that sees"
        action={
          <span className="flex gap-2">
            <Button asChild>
              <a href={hrefFor('models')}>Add a model</a>
            </Button>
            <Button variant="primary" pending={demos.pending} onClick={() => void demos.add()}>
              Add the demo models
            </Button>
          </span>
        }
      >
        CLIP and LLaVA models look at pictures here, the original beside every quantized version. Two small ones come
        with the app, with pictures to try them on.
      </EmptyState>
    </div>
  )
}

interface FamilyProps {
  source: ModelSummary
  sources: readonly ModelSummary[]
  models: readonly ModelSummary[]
  view: View
  onView(view: View): void
}

function Family({ source, sources, models, view, onView }: FamilyProps) {
  const store = useVisionStore()
  const versions = useVersions(source, models)
  const [tour, setTour] = useState(!tourHidden())
  const hasDemos = models.some(({ id }) => id === 'demo-clip')
  const shown = { store, source, versions }
  function showTour(on: boolean): void {
    setTour(on)
    rememberTour(!on)
  }
  return (
    <SplitPane
      id="vision"
      listLabel="What to look at"
      listWidth={272}
      list={<SetupPane {...shown} sources={sources} view={view} />}
    >
      {tour && hasDemos && <Tour store={store} models={models} onShow={onView} onClose={() => showTour(false)} />}
      <Tabs
        label="Views"
        value={view}
        onChange={onView}
        tabs={viewsOf(source)}
        actions={
          hasDemos &&
          !tour && (
            <Button size="sm" variant="ghost" className="mb-1.5" onClick={() => showTour(true)}>
              <Route aria-hidden />
              Tour
            </Button>
          )
        }
      >
        {view === 'pictures' &&
          (source.vision?.kind === 'llava' ? <AskInChat source={source} /> : <PicturesView {...shown} />)}
        {view === 'folder' && <AccuracyView {...shown} />}
        {view === 'search' && <SearchView {...shown} />}
      </Tabs>
    </SplitPane>
  )
}

/** A model that writes has no labels to choose from and no space to search; one without a text tower only the space. */
function viewsOf({ vision }: ModelSummary): { value: View; label: string }[] {
  const pictures = { value: 'pictures' as const, label: 'Pictures' }
  const folder = { value: 'folder' as const, label: 'Accuracy' }
  const search = { value: 'search' as const, label: 'Search' }
  if (vision?.kind === 'llava') return [pictures, folder]
  return vision?.kind === 'tower' ? [search] : [pictures, folder, search]
}

function AskInChat({ source }: { source: ModelSummary }) {
  return (
    <EmptyState
      icon={MessageSquareText}
      title={`${source.name} writes about pictures`}
      action={
        <Button asChild variant="primary">
          <a href={hrefFor('chat', { model: source.id })}>Ask it in Chat</a>
        </Button>
      }
    >
      Drop a picture into a chat and ask about it. Accuracy on questions with known answers is measured here.
    </EmptyState>
  )
}
