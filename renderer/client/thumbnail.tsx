/** A picture made small by the app. It is asked for when it comes into view. */
import { ImageOff } from 'lucide-react'
import { type RefObject, useEffect, useRef, useState } from 'react'
import type { ImageRef } from '../../electron/contract/vision.ts'
import { cn } from '../ui/cn.ts'
import { useQuery } from './use-query.ts'

export interface ThumbnailProps {
  image: ImageRef
  /** What it shows, or its name; empty where the name stands beside it. */
  alt: string
  /** Pixels of its longer side. */
  size?: number
  className?: string
}

export function Thumbnail({ image, alt, size = 128, className }: ThumbnailProps) {
  const box = useRef<HTMLSpanElement>(null)
  const seen = useSeen(box)
  const { data, error } = useQuery('images.thumbnail', { image, size }, { enabled: seen })
  return (
    <span
      ref={box}
      className={cn('flex shrink-0 items-center justify-center overflow-hidden rounded-sm bg-sunken', className)}
    >
      {data ? (
        <img
          src={data.dataUrl}
          alt={alt}
          draggable={false}
          className="max-h-full max-w-full rounded-sm object-contain shadow-[0_0_0_1px_var(--line)]"
        />
      ) : (
        error && <ImageOff role="img" aria-label={error.message} className="size-5 text-ink-3" strokeWidth={1.5} />
      )}
    </span>
  )
}

/** Whether an element has been in view; at once where that cannot be known. */
function useSeen(ref: RefObject<Element | null>): boolean {
  const [seen, setSeen] = useState(typeof IntersectionObserver === 'undefined')
  useEffect(() => {
    const element = ref.current
    if (seen || element === null) return
    const observer = new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && setSeen(true), {
      rootMargin: '200px',
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [ref, seen])
  return seen
}
