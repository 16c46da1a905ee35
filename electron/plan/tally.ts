/** Counting votes between two versions, and how sure the count is. */
import type { Tally } from '../contract/difference.ts'

/** 97.5 % quantile of the normal distribution: for intervals of 95 %. */
const Z = 1.959963984540054

/** Ties count, but say nothing about which is better: share, interval and test are over the votes that chose. */
export function tallyOf(votes: { first: number; second: number; ties: number }): Tally {
  const { first, second } = votes
  const chose = first + second
  if (chose === 0) return { ...votes, share: null, interval: null, pValue: null }
  return { ...votes, share: first / chose, interval: wilson(first, chose), pValue: signTest(first, chose) }
}

/** Wilson, E. B. (1927): the score interval of a share of `hits` in `trials`. Well behaved for few trials and at 0 and 1. */
export function wilson(hits: number, trials: number): [number, number] {
  const share = hits / trials
  const spread = (Z * Z) / trials
  const centre = share + spread / 2
  const margin = Z * Math.sqrt((share * (1 - share)) / trials + spread / (4 * trials))
  const scale = 1 + spread
  // At none and at all hits the limit is exactly 0 or 1; rounding must not leave it.
  return [
    hits === 0 ? 0 : Math.max(0, (centre - margin) / scale),
    hits === trials ? 1 : Math.min(1, (centre + margin) / scale),
  ]
}

/** Two-sided exact binomial test against a fair coin. */
export function signTest(hits: number, trials: number): number {
  const extreme = Math.max(hits, trials - hits)
  // In logarithms: the binomial coefficients of a long evening do not fit in a double.
  let logTerm = -trials * Math.LN2
  let tail = 0
  for (let k = trials; k >= extreme; k--) {
    tail += Math.exp(logTerm)
    logTerm += Math.log(k) - Math.log(trials - k + 1)
  }
  return Math.min(1, 2 * tail)
}
