import { TriangleAlert, X } from 'lucide-react'
import { useStore } from 'zustand'
import { Thumbnail } from '../../client/thumbnail.tsx'
import { IconButton } from '../../ui/button.tsx'
import { cn } from '../../ui/cn.ts'
import { topLabel } from './labels.ts'
import type { ShownPicture, VisionStore } from './store.ts'

export interface PictureListProps {
  store: VisionStore
  pictures: readonly ShownPicture[]
  selectedKey: string
  /** Whose answer stands below the name. */
  original: string
}

/** The pictures with what the original says of each, or what is wrong with it. */
export function PictureList({ store, pictures, selectedKey, original }: PictureListProps) {
  const { asked, results } = useStore(store.classifying.store)
  const said = results[original]
  return (
    <ul
      aria-label="Pictures to look at"
      className="flex w-52 shrink-0 flex-col gap-0.5 overflow-y-auto border-r border-line p-2 2xl:w-72"
    >
      {pictures.map(({ key, name, image, error }) => {
        const problem = error ?? said?.problems[key] ?? null
        const isSelected = key === selectedKey
        return (
          <li key={key} className="group relative">
            <button
              type="button"
              aria-current={isSelected ? 'true' : undefined}
              onClick={() => store.select(key)}
              className={cn(
                'flex w-full min-w-0 items-center gap-2 rounded-md p-1.5 pr-8 text-left focus-visible:-outline-offset-1',
                isSelected ? 'bg-selected' : 'hover:bg-hover',
              )}
            >
              {image === null ? (
                <span className="flex size-10 shrink-0 items-center justify-center rounded-sm bg-sunken">
                  {problem && <TriangleAlert aria-hidden className="size-4 text-warn-text" />}
                </span>
              ) : (
                <Thumbnail image={image} alt="" size={128} className="size-10" />
              )}
              <span className="min-w-0 flex-1">
                <span className="block truncate text-sm text-ink">{name}</span>
                <span className={cn('block truncate text-xs', problem ? 'text-warn-text' : 'text-ink-3')}>
                  {problem
                    ? 'cannot be read'
                    : image === null
                      ? 'on its way'
                      : (topLabel(asked?.labels ?? [], said?.shares[key]) ?? 'not classified')}
                </span>
              </span>
            </button>
            <span className="absolute top-2.5 right-1 opacity-0 group-focus-within:opacity-100 group-hover:opacity-100">
              <IconButton size="sm" label={`Remove ${name}`} icon={X} onClick={() => store.remove(key)} />
            </span>
          </li>
        )
      })}
    </ul>
  )
}
