import { TriangleAlert, X } from 'lucide-react'
import { Thumbnail } from '../../client/thumbnail.tsx'
import { IconButton } from '../../ui/button.tsx'
import type { Attached } from './attaching.ts'

export interface AttachedPicturesProps {
  attached: readonly Attached[]
  onRemove(key: string): void
}

/** What goes with the next question, above the field. A picture that cannot be read says why and waits to be taken out. */
export function AttachedPictures({ attached, onRemove }: AttachedPicturesProps) {
  if (attached.length === 0) return null
  return (
    <ul aria-label="Pictures to ask about" className="flex flex-wrap gap-2 px-2 pt-2">
      {attached.map(({ key, name, image, error }) => (
        <li key={key} className="flex max-w-full min-w-0 items-center gap-2 rounded-md bg-sunken p-1 text-xs">
          {image === null ? (
            <span className="flex size-10 shrink-0 items-center justify-center">
              {error && <TriangleAlert aria-hidden className="size-4 text-warn-text" />}
            </span>
          ) : (
            <Thumbnail image={{ kind: 'stored', id: image.id }} alt="" className="size-10" />
          )}
          <span className={error ? 'max-w-80 text-warn-text' : 'max-w-40 truncate text-ink-2'}>
            {error?.message ?? name}
          </span>
          <IconButton size="sm" label={`Take ${name} out`} icon={X} onClick={() => onRemove(key)} />
        </li>
      ))}
    </ul>
  )
}
