/** Prices of presets for a model that is not here yet. */
import type { Estimate } from '../../../electron/contract/domain.ts'
import { toAppError } from '../../../electron/contract/errors.ts'
import type { HubModelDetail } from '../../../electron/contract/hub.ts'
import type { QuantConfig } from '../../../electron/contract/quant.ts'
import { estimateConfig, type PlanSituation } from '../../../electron/plan/estimate.ts'

/** The estimate, or the sentence on why the configuration does not suit the model: a rule for layers that it does not have. */
export function suitingEstimate(
  plan: NonNullable<HubModelDetail['plan']>,
  config: QuantConfig,
  situation: PlanSituation,
): Estimate | string {
  try {
    return estimateConfig({ ...plan, summary: { config: plan.config } }, config, situation)
  } catch (thrown) {
    return toAppError(thrown).message
  }
}
