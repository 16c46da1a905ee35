import { useMemo } from 'react'
import type { Estimate, JobRecord, ModelDetail } from '../../../electron/contract/domain.ts'
import { estimateConfig, type PlanSituation } from '../../../electron/plan/estimate.ts'

/** What had been predicted for a quantization; null for other jobs and for a model that has changed since. */
export function useJobPlan(
  record: JobRecord | null,
  detail: ModelDetail,
  { contextLength, machine, runsIn = machine }: PlanSituation,
): Estimate | null {
  const job = record?.job
  const config = job?.kind === 'quantize' ? job.request.config : null
  // Each snapshot of the job is a new object with the same configuration in it.
  const key = config === null ? null : JSON.stringify(config)
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for `config`
  return useMemo(() => {
    if (config === null || job?.kind !== 'quantize') return null
    try {
      return estimateConfig(detail, config, { contextLength, machine, runsIn })
    } catch {
      return null
    }
  }, [key, detail, contextLength, machine, runsIn])
}
