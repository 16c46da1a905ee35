import type { AppError } from '../../electron/contract/errors.ts'
import { useClient, useQueryCache } from './context.tsx'
import { useAction } from './use-action.ts'
import { useQuery } from './use-query.ts'

export interface VisionDemos {
  /** Whether they are in the library; undefined while that is not known. */
  readonly listed: boolean | undefined
  /** Whether they were added. */
  add(): Promise<boolean>
  readonly pending: boolean
  readonly error: AppError | null
}

/** The demo models that see: in the library once a person wants them. */
export function useVisionDemos(): VisionDemos {
  const client = useClient()
  const cache = useQueryCache()
  const { data } = useQuery('settings.get', {})
  const { run, pending, error } = useAction(async () => {
    cache.setAnswer('settings.get', {}, await client.call('settings.set', { visionDemos: true }))
    return true
  })
  return { listed: data?.visionDemos, add: async () => (await run()) ?? false, pending, error }
}
