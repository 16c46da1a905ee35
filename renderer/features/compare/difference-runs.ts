/** What the views of differences have under way. It outlives a change of tabs, and ends with the page. */
import { useEffect, useState } from 'react'
import type { AppClient } from '../../client/connection.ts'
import { useClient } from '../../client/context.tsx'
import { createStreamRun } from '../../client/stream-run.ts'

export interface WritingProgress {
  /** What has been written so far, by model or by side. */
  readonly texts: Readonly<Record<string, string>>
  readonly loading: string | null
  readonly comparing: { readonly done: number; readonly total: number } | null
}

const NOTHING_WRITTEN: WritingProgress = { texts: {}, loading: null, comparing: null }

export type DifferenceRuns = ReturnType<typeof createDifferenceRuns>

export function createDifferenceRuns(client: AppClient) {
  const runs = {
    answers: createStreamRun(client, {
      method: 'compare.answers',
      initial: NOTHING_WRITTEN,
      reduce(progress, event) {
        if (event.type === 'loading') return { ...progress, loading: event.modelId }
        if (event.type === 'text') return written(progress, event.modelId, event.delta)
        return event.type === 'comparing' ? { ...progress, loading: null, comparing: event } : progress
      },
    }),
    text: createStreamRun(client, {
      method: 'compare.text',
      initial: { phase: 'load' as 'load' | 'compare', done: 0, total: 0 },
      reduce: (_, { phase, done, total }) => ({ phase, done, total }),
    }),
    blind: createStreamRun(client, {
      method: 'blind.ask',
      initial: NOTHING_WRITTEN,
      reduce: (progress, event) =>
        event.type === 'loading' ? { ...progress, loading: event.side } : written(progress, event.side, event.delta),
    }),
  }
  return {
    ...runs,
    stopAll() {
      for (const run of Object.values(runs)) run.stop()
    },
  }
}

function written(progress: WritingProgress, key: string, delta: string): WritingProgress {
  const texts = { ...progress.texts, [key]: (progress.texts[key] ?? '') + delta }
  return { ...progress, texts, loading: null }
}

/** For as long as the component is shown. */
export function useDifferenceRuns(): DifferenceRuns {
  const client = useClient()
  const [runs] = useState(() => createDifferenceRuns(client))
  useEffect(() => () => runs.stopAll(), [runs])
  return runs
}
