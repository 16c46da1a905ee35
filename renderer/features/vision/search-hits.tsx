import { ScanSearch } from 'lucide-react'
import type { ErrorShape } from '../../../electron/contract/errors.ts'
import type { ImageRef } from '../../../electron/contract/vision.ts'
import { Thumbnail } from '../../client/thumbnail.tsx'
import { IconButton } from '../../ui/button.tsx'

export interface SearchHitsProps {
  hits: readonly { readonly index: number; readonly similarity: number }[]
  /** What the indices are of. */
  images: readonly ImageRef[]
  listed: readonly { readonly path: string; readonly name: string }[]
  unread: readonly { readonly index: number; readonly error: ErrorShape }[]
  total: number
  onMore(image: ImageRef, name: string): void
}

/** What was found, best first, with the cosine of each. */
export function SearchHits({ hits, images, listed, unread, total, onMore }: SearchHitsProps) {
  const names = new Map(listed.map(({ path, name }) => [path, name]))
  const nameOf = (image: ImageRef | undefined) =>
    image?.kind === 'file' ? (names.get(image.path) ?? image.path) : 'a picture'
  return (
    <>
      <p className="text-sm text-ink-3">
        The {hits.length} most alike of {total - unread.length} pictures, with their cosine.
      </p>
      <ol aria-label="Found pictures" className="grid grid-cols-[repeat(auto-fill,minmax(9rem,1fr))] gap-3">
        {hits.map(({ index, similarity }) => {
          const image = images[index]
          if (image === undefined) return null
          const name = nameOf(image)
          return (
            <li key={index} className="group relative flex min-w-0 flex-col gap-1">
              <Thumbnail image={image} alt="" size={256} className="h-32 w-full" />
              <span className="flex min-w-0 items-center gap-1 text-xs">
                <span className="min-w-0 flex-1 truncate text-ink" title={name}>
                  {name}
                </span>
                <span className="text-ink-2">{similarity.toFixed(3)}</span>
                <IconButton
                  size="sm"
                  label={`More like ${name}`}
                  icon={ScanSearch}
                  onClick={() => onMore(image, name)}
                />
              </span>
            </li>
          )
        })}
      </ol>
      {unread.length > 0 && (
        <ul aria-label="Pictures that cannot be read" className="flex flex-col gap-0.5 text-xs text-warn-text">
          {unread.map(({ index, error }) => (
            <li key={index}>{error.message}</li>
          ))}
        </ul>
      )}
    </>
  )
}
