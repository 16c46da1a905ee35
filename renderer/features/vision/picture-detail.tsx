import { useStore } from 'zustand'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { Thumbnail } from '../../client/thumbnail.tsx'
import { Scroller } from '../../ui/scroller.tsx'
import { promptOf } from './labels.ts'
import { ScoreTable } from './score-table.tsx'
import type { ShownPicture, VisionStore } from './store.ts'
import { type Versions, versionName } from './use-versions.ts'

export interface PictureDetailProps {
  store: VisionStore
  picture: ShownPicture
  source: ModelSummary
  versions: Versions
}

/** One picture with what every version that has looked at it says. */
export function PictureDetail({ store, picture, source, versions }: PictureDetailProps) {
  const { asked, results } = useStore(store.classifying.store)
  const { key, name, image, error } = picture
  const problem = error ?? Object.values(results).find(({ problems }) => problems[key] !== undefined)?.problems[key]
  const looked = versions.all.filter(({ id }) => results[id] !== undefined)
  const isAsked = asked?.keys.includes(key) ?? false
  return (
    <Scroller label={name} className="@container flex flex-col gap-5 p-5">
      <h2 className="shrink-0 truncate text-base font-semibold text-ink">{name}</h2>
      {problem ? (
        <ErrorView error={problem} title="This picture cannot be read" />
      ) : (
        image && (
          <Thumbnail
            image={image}
            alt={name}
            size={512}
            className="h-56 max-w-full items-start self-start bg-transparent"
          />
        )
      )}
      {!problem && isAsked && asked !== null && looked.length > 0 && (
        <>
          <ScoreTable
            labels={asked.labels}
            versions={looked.map((model) => ({
              id: model.id,
              name: versionName(model, source),
              shares: results[model.id]?.shares[key],
            }))}
          />
          <p className="text-xs text-ink-3">
            Shares of {asked.labels.length} {asked.labels.length === 1 ? 'label' : 'labels'}, as in “
            {promptOf(asked.template, asked.labels[0] ?? '')}”. They always add up to 100 %, also when none suits.
          </p>
        </>
      )}
      {!problem && !isAsked && (
        <p className="text-sm text-ink-3">Not classified yet. What each version says will stand here.</p>
      )}
    </Scroller>
  )
}
