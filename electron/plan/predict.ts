/**
 * Predicted quality of a configuration: the divergence that each layer alone would cause, summed. A layer's divergence under any choice
 * is that of its probe, scaled by the weighted errors.
 */
import type { Choice, QuantSpec } from '../contract/quant.ts'
import type { CandidateLoss, LayerSensitivity, PredictedRun, SensitivityTable } from '../contract/sensitivity.ts'
import { choiceKey } from './choices.ts'
import { methodFor } from './methods.ts'

export interface PredictedQuality {
  /** Sum of the layers' divergences from the original, in nats a token. */
  divergence: number
  /** Layers whose choice was not measured: their errors are worked out from the nearest one that was. */
  extrapolated: number
  /** Layers that the table does not know at all, such as embeddings; they count as unharmed. */
  unknown: number
}

/** What one layer adds, null when the table does not know the layer. */
export interface PredictedLoss {
  divergence: number
  weightedError: number
  relativeError: number
  seconds: number
  /** False when the choice itself was measured. */
  extrapolated: boolean
}

export type SensitivityByName = ReadonlyMap<string, LayerSensitivity>

export function sensitivityByName(table: SensitivityTable): SensitivityByName {
  return new Map(table.layers.map((layer) => [layer.name, layer]))
}

/** Nats a token for each unit of weighted error. */
export function divergenceScale({ divergence, probe, candidates }: LayerSensitivity): number {
  const measured = candidates[probe]?.weightedError ?? 0
  return measured > 0 ? divergence / measured : 0
}

export function predictLayer(layer: LayerSensitivity, choice: Choice): PredictedLoss {
  if (choice.kind === 'keep') {
    return { divergence: 0, weightedError: 0, relativeError: 0, seconds: 0, extrapolated: false }
  }
  const key = measuredKey(choice.spec)
  const exact = layer.candidates.find(({ spec }) => measuredKey(spec) === key)
  const loss = exact ?? extrapolate(layer.candidates, choice.spec)
  const { weightedError, relativeError, seconds } = loss
  const extrapolated = exact === undefined
  return { divergence: divergenceScale(layer) * weightedError, weightedError, relativeError, seconds, extrapolated }
}

export function predictQuality(
  choices: Iterable<readonly [name: string, choice: Choice]>,
  layers: SensitivityByName,
): PredictedQuality {
  const found: PredictedQuality = { divergence: 0, extrapolated: 0, unknown: 0 }
  for (const [name, choice] of choices) {
    const layer = layers.get(name)
    if (layer === undefined) {
      if (choice.kind === 'quantize') found.unknown += 1
      continue
    }
    const loss = predictLayer(layer, choice)
    found.divergence += loss.divergence
    if (loss.extrapolated) found.extrapolated += 1
  }
  return found
}

/** How summed divergences on the model's own text and perplexity on another text go together. */
export interface Calibration {
  /** ln(perplexity / original's) for each nat of summed divergence. */
  share: number
  /** Typical distance of measured from predicted ratios, as a factor; null without runs. */
  spread: number | null
  runs: number
}

/** Before anything was made: four versions of the demo model at 2.5 to 4 bits a weight had 0.25, 0.21, 0.20 and 0.21. */
const USUAL_SHARE = 0.21

/** From the versions that were made and measured. */
export function calibrate(runs: readonly Pick<PredictedRun, 'divergence' | 'perplexityRatio'>[]): Calibration {
  const used = runs.filter(({ divergence, perplexityRatio }) => divergence > 0 && perplexityRatio > 1)
  if (used.length === 0) return { share: USUAL_SHARE, spread: null, runs: 0 }
  // Each run counts alike, however large its divergence.
  const logs = used.map(({ divergence, perplexityRatio }) => Math.log(Math.log(perplexityRatio) / divergence))
  const share = Math.exp(logs.reduce((sum, value) => sum + value, 0) / logs.length)
  const offs = used.map(({ divergence, perplexityRatio }) => Math.log(perplexityRatio) - share * divergence)
  const spread = Math.exp(Math.sqrt(offs.reduce((sum, off) => sum + off * off, 0) / offs.length))
  return { share, spread, runs: used.length }
}

export function perplexityRatio({ divergence }: PredictedQuality, { share }: Calibration): number {
  return Math.exp(share * divergence)
}

/** Choices that the table treats as one: `auto` is what it stands for, rounding of the first zero matters to `hqq` alone. */
function measuredKey(spec: QuantSpec): string {
  const method = methodFor(spec, true)
  return choiceKey({ kind: 'quantize', spec: { ...spec, method, roundZero: null } })
}

/** Squared errors at 2 to 4 bits in groups of 64, as multiples of those of errors fed back: means over the demo model's layers. */
const METHOD_FACTOR: Readonly<Record<QuantSpec['method'], number>> = {
  auto: 1,
  'self-compensated': 1,
  self: 1.6,
  refined: 2.4,
  hqq: 3.5,
  rtn: 5,
}
/** A group twice as long has this many times the squared error. */
const GROUP_FACTOR = 1.2

/** Each bit quarters the squared error; the nearest candidate is the start. */
function extrapolate(candidates: readonly CandidateLoss[], spec: QuantSpec): CandidateLoss {
  const group = (one: QuantSpec) => Math.log2(one.groupSize ?? 1024)
  const distance = ({ spec: one }: CandidateLoss) =>
    Math.abs(one.nbits - spec.nbits) * 4 +
    Math.abs(group(one) - group(spec)) +
    (one.quantZero === spec.quantZero ? 0 : 0.1)
  const near = candidates.reduce((best, one) => (distance(one) < distance(best) ? one : best))
  const factor =
    4 ** (near.spec.nbits - spec.nbits) *
    GROUP_FACTOR ** (group(spec) - group(near.spec)) *
    (METHOD_FACTOR[spec.method] / METHOD_FACTOR[near.spec.method])
  return {
    spec,
    weightedError: near.weightedError * factor,
    relativeError: near.relativeError * Math.sqrt(factor),
    bytes: near.bytes,
    seconds: near.seconds,
  }
}
