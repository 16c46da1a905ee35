import type { StoredImage } from '../../../electron/contract/vision.ts'
import { Thumbnail } from '../../client/thumbnail.tsx'

/** The pictures of a question, kept with the conversation. */
export function ShownPictures({ images }: { images: readonly StoredImage[] }) {
  if (images.length === 0) return null
  return (
    <ul aria-label="Pictures" className="flex max-w-[85%] flex-wrap justify-end gap-2">
      {images.map(({ id, name }, at) => (
        // The same picture may be shown twice.
        // biome-ignore lint/suspicious/noArrayIndexKey: they stay in their order
        <li key={`${id} ${at}`}>
          <Thumbnail
            image={{ kind: 'stored', id }}
            alt={name}
            size={256}
            className="h-32 max-w-full items-end bg-transparent"
          />
        </li>
      ))}
    </ul>
  )
}
