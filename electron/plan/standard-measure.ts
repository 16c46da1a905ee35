/** What the app measures by itself after quantizing, so that every model has numbers that can stand side by side. */
import type { EvaluateRequest } from '../contract/domain.ts'

/** At most 20,000 ids: seconds on the demo model, minutes on one of 1 B parameters. */
export const STANDARD_PERPLEXITY = {
  protocol: 'windows',
  window: 512,
  stride: 512,
  maxTokens: 20_000,
} as const satisfies Pick<EvaluateRequest, 'protocol' | 'window' | 'stride' | 'maxTokens'>
