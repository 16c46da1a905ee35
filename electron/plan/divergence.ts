/** From the divergence of single tokens to the figures that are quoted. */
import type { DivergenceProtocol, DivergenceSummary } from '../contract/difference.ts'

/** Token by token, as the engine gives them. */
export interface DivergenceColumns {
  kl: readonly number[]
  /** Negative log-likelihood of the token that came, in nats. */
  referenceNll: readonly number[]
  nll: readonly number[]
  referenceTop: readonly number[]
  top: readonly number[]
}

/** Null when nothing was compared. */
export function summarizeDivergence(columns: DivergenceColumns, windows: number): DivergenceSummary | null {
  const { kl, referenceNll, nll, referenceTop, top } = columns
  if (kl.length === 0) return null
  const sorted = Float64Array.from(kl).sort()
  const referencePerplexity = Math.exp(mean(referenceNll))
  const perplexity = Math.exp(mean(nll))
  return {
    tokens: kl.length,
    windows,
    meanKl: mean(kl),
    p99Kl: quantile(sorted, 0.99),
    maxKl: sorted.at(-1) ?? 0,
    topAgreement: top.filter((id, index) => id === referenceTop[index]).length / kl.length,
    referencePerplexity,
    perplexity,
    perplexityRatio: perplexity / referencePerplexity,
  }
}

/** Linear between the two nearest of ascending values, as numpy.quantile does by default. Not for an empty list. */
export function quantile(ascending: ArrayLike<number>, share: number): number {
  const at = share * (ascending.length - 1)
  const below = ascending[Math.floor(at)] ?? Number.NaN
  const above = ascending[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

/** Equal keys, comparable numbers. Instruction sets, threads and what was loaded when change nothing that counts. */
export function divergenceKey(referenceModelId: string, protocol: DivergenceProtocol): string {
  const { window, textSha256, streamTokens, specialIds, computeDtype, device } = protocol
  return [
    'divergence',
    `from=${referenceModelId}`,
    protocol.protocol,
    window,
    textSha256,
    streamTokens,
    specialIds.join('+'),
    computeDtype,
    device,
  ].join('|')
}

/** Divergences of tokens are shown from here on; below, two models mean the same. */
export const LEAST_KL = 0.01
/** From here on all look alike: one model is sure of what the other hardly thinks of. */
export const MOST_KL = 3

/** Where a divergence stands between the least and the most that is shown, by its logarithm: 0 to 1; null below the least. */
export function klShare(kl: number): number | null {
  if (!(kl >= LEAST_KL)) return null
  return Math.min(1, Math.log(kl / LEAST_KL) / Math.log(MOST_KL / LEAST_KL))
}

/** Where two answers part: the first index at which they are not the same token, or where one ends before the other. */
export function firstDifference(reference: readonly number[], other: readonly number[]): number | null {
  const shorter = Math.min(reference.length, other.length)
  for (let index = 0; index < shorter; index++) if (reference[index] !== other[index]) return index
  return reference.length === other.length ? null : shorter
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
