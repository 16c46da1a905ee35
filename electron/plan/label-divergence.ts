/** How differently two models spread their belief over the labels of pictures. Pure. */
import { quantile } from './divergence.ts'

/** KL(reference || other) in nats of the softmax of two lists of logits of one length. */
export function labelKl(reference: readonly number[], other: readonly number[]): number {
  const [p, q] = [logSoftmax(reference), logSoftmax(other)]
  // Rounding may leave a hair below zero where both are the same.
  return Math.max(
    0,
    p.reduce((sum, log, at) => sum + Math.exp(log) * (log - (q[at] ?? 0)), 0),
  )
}

function logSoftmax(logits: readonly number[]): number[] {
  const highest = Math.max(...logits)
  const total = highest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0))
  return logits.map((logit) => logit - total)
}

export interface LabelDivergence {
  pictures: number
  meanKl: number
  p99Kl: number
  /** Share of pictures with the same likeliest label. */
  topAgreement: number
}

/** Picture by picture; null where there is none. */
export function summarizeLabelDivergence(
  pictures: readonly { readonly kl: number; readonly sameTop: boolean }[],
): LabelDivergence | null {
  if (pictures.length === 0) return null
  const kl = pictures.map((one) => one.kl)
  return {
    pictures: pictures.length,
    meanKl: kl.reduce((sum, value) => sum + value, 0) / kl.length,
    p99Kl: quantile(Float64Array.from(kl).sort(), 0.99),
    topAgreement: pictures.filter(({ sameTop }) => sameTop).length / pictures.length,
  }
}
