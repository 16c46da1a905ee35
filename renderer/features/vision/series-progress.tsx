import { useStore } from 'zustand'
import { ProgressBar } from '../../ui/progress.tsx'
import type { Series } from './series.ts'

export interface SeriesProgressProps<Q, R> {
  series: Series<Q, R>
  nameOf(modelId: string): string
}

/** Which version is at work and how far it is; nothing while none is. */
export function SeriesProgress<Q, R>({ series, nameOf }: SeriesProgressProps<Q, R>) {
  const { running, progress } = useStore(series.store)
  if (!running || progress === null) return null
  const { modelId, done, total } = progress
  const words = total === 0 ? `Loading ${nameOf(modelId)}` : `${nameOf(modelId)}: ${done} of ${total} pictures`
  return (
    <div role="status" className="flex items-center gap-4">
      <ProgressBar label={words} value={total === 0 ? null : done / total} className="max-w-80" />
      <span className="truncate text-xs text-ink-3">{words}</span>
    </div>
  )
}
