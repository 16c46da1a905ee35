import { cn } from './cn.ts'

/** A grey place-holder; appears only after 300 ms, so quick answers never flash. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn('appear-late rounded-md bg-hover', className)} />
}

/** Rows of a list or table that is on its way, announced once to screen readers. */
export function SkeletonRows({
  rows = 6,
  label = 'Loading',
  className,
}: {
  rows?: number
  label?: string
  className?: string
}) {
  return (
    <div role="status" className={cn('flex flex-col gap-2 p-4', className)}>
      <span className="sr-only">{label}</span>
      {Array.from({ length: rows }, (_, index) => (
        // The rows are identical and never reordered.
        // biome-ignore lint/suspicious/noArrayIndexKey: place-holders have no identity
        <Skeleton key={index} className="h-8" />
      ))}
    </div>
  )
}
