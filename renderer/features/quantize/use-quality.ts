import { useEffect, useMemo } from 'react'
import type { JobRecord } from '../../../electron/contract/domain.ts'
import type { AppError } from '../../../electron/contract/errors.ts'
import type { PredictedRun, SensitivityTable } from '../../../electron/contract/sensitivity.ts'
import {
  type Calibration,
  calibrate,
  type SensitivityByName,
  sensitivityByName,
} from '../../../electron/plan/predict.ts'
import { useClient } from '../../client/context.tsx'
import { useAction } from '../../client/use-action.ts'
import { useQuery, useWatch } from '../../client/use-query.ts'
import { isActive } from './job-words.ts'

export interface Quality {
  table: SensitivityTable | null
  layers: SensitivityByName
  runs: readonly PredictedRun[]
  calibration: Calibration
  isLoading: boolean
  /** The job that measures the layers now. */
  job: JobRecord | null
  measure(): void
  error: AppError | null
}

const NONE: readonly PredictedRun[] = []

/** What is known of the layers of a model, and the way to find out. */
export function useQuality(modelId: string): Quality {
  const client = useClient()
  const jobs = useWatch('jobs.watch', {}).data?.jobs
  const known = useQuery('sensitivity.get', { modelId })
  const own = jobs?.filter(({ job }) => job.kind === 'sensitivity' && job.request.modelId === modelId) ?? []
  const job = own.find(isActive) ?? null
  const start = useAction(() => client.call('sensitivity.start', { modelId }))
  // A new table after a measurement; a new run after each version that was made and measured.
  const done = jobs?.filter((record) => record.state === 'done').length ?? 0
  const { refetch } = known
  // biome-ignore lint/correctness/useExhaustiveDependencies: `done` is the reason to ask again
  useEffect(refetch, [done, refetch])

  const table = known.data?.table ?? null
  const runs = known.data?.runs ?? NONE
  const layers = useMemo<SensitivityByName>(() => (table === null ? new Map() : sensitivityByName(table)), [table])
  const calibration = useMemo(() => calibrate(runs), [runs])
  return {
    table,
    layers,
    runs,
    calibration,
    isLoading: known.isLoading,
    job,
    measure: () => void start.run(),
    error: start.error ?? known.error,
  }
}
