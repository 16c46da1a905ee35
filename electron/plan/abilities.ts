/** What a model can be used for here: writing text, looking at pictures, or both. */
import type { ModelSummary } from '../contract/domain.ts'
import type { ErrorShape } from '../contract/errors.ts'

type Model = Pick<ModelSummary, 'runProblem' | 'vision'>

export function canWrite({ runProblem }: Model): boolean {
  return runProblem === null
}

/** Models that compare pictures write nothing, so what keeps them from writing keeps them from nothing. */
export function canSee({ runProblem, vision }: Model): boolean {
  return vision !== undefined && (vision.kind !== 'llava' || runProblem === null)
}

/** Why a model can be used for nothing here; null when it can. */
export function uselessBecause(model: Model): ErrorShape | null {
  return canSee(model) ? null : model.runProblem
}
