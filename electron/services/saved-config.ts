/**
 * config.json of a quantized model, with the `quantization_config` that transformers itself writes. It names the method hqq where the
 * Python libraries cannot read the layers, too: they then stop with an error, whereas an unknown method only makes transformers warn
 * and go on with random weights.
 */
import type { ComputeDtype, QuantSpec, ResolvedTensor } from '../contract/quant.ts'
import { choiceKey, resolvedRoundZero } from '../plan/choices.ts'
import { interchangeProblem } from '../plan/packing.ts'
import { isEmbedding, isHead, linearTag } from '../plan/tags.ts'
import type { RawConfig } from './model-config.ts'
import type { Provenance } from './provenance.ts'

interface Quantized {
  name: string
  shape: readonly [number, number]
  spec: QuantSpec
}

/** The members of config.json that quantizing changes. `linears`: one row for each linear layer, kept ones included. */
export function configChanges(
  source: RawConfig,
  linears: readonly ResolvedTensor[],
  computeDtype: ComputeDtype,
): Record<string, unknown> {
  return {
    // Its name since transformers 4.56, and before.
    ['dtype' in source ? 'dtype' : 'torch_dtype']: computeDtype,
    quantization_config: {
      quant_config: quantConfigOf(quantizedOf(linears)),
      quant_method: 'hqq',
      skip_modules: skipModules(linears),
    },
  }
}

/** Which programs read the folder. */
export function loadsIn(linears: readonly ResolvedTensor[]): Provenance['loadsIn'] {
  const reason = interchangeReason(linears)
  return {
    'HQQ Studio': { ok: true, reason: 'It is the format of this app.' },
    transformers:
      reason === null
        ? { ok: true, reason: 'With transformers 4.x and the hqq package. Version 5 ignores the quantized layers.' }
        : { ok: false, reason },
    vLLM: vllmVerdict(linears, reason),
  }
}

function interchangeReason(linears: readonly ResolvedTensor[]): string | null {
  for (const { name, shape, spec } of quantizedOf(linears)) {
    if (isEmbedding(name)) return `${name}: the Python libraries quantize linear layers only, not embeddings.`
    const problem = interchangeProblem(shape, spec)
    if (problem !== null) return `${name}: ${problem}.`
  }
  return null
}

/** vLLM's reader takes one configuration for everything: 4 bits in groups of 64 along the input. */
function vllmVerdict(linears: readonly ResolvedTensor[], reason: string | null): { ok: boolean; reason: string } {
  if (reason !== null) return { ok: false, reason }
  const blocks = linears.filter(({ name }) => !isHead(name) && !isEmbedding(name))
  const uniform = blocks.every(({ choice }) => {
    if (choice.kind === 'keep') return false
    const { nbits, groupSize, axis } = choice.spec
    return nbits === 4 && groupSize === 64 && axis === 1
  })
  const headKept = linears.every(({ name, choice }) => !isHead(name) || choice.kind === 'keep')
  return uniform && headKept
    ? { ok: true, reason: 'Its hqq_marlin reader takes 4-bit groups of 64, on NVIDIA GPUs from Ampere on.' }
    : {
        ok: false,
        reason: 'vLLM reads 4-bit groups of 64 along axis 1 in every layer of the blocks, and nothing else.',
      }
}

function quantizedOf(linears: readonly ResolvedTensor[]): Quantized[] {
  return linears.flatMap(({ name, shape, choice }) =>
    choice.kind === 'keep' ? [] : [{ name, shape: [shape[0] ?? 0, shape[1] ?? 0] as const, spec: choice.spec }],
  )
}

/**
 * One configuration when all layers share it, else one for each linear tag. A tag whose layers differ is described by its most
 * common one: readers of a finished model take each layer's own numbers, which are stored beside it.
 */
function quantConfigOf(layers: readonly Quantized[]): Record<string, unknown> {
  const [first] = layers
  if (first === undefined) return {}
  const keys = new Set(layers.map(({ spec }) => specKey(spec)))
  if (keys.size === 1) return hqqConfig(first.spec)
  const tags = new Map<string, QuantSpec[]>()
  for (const { name, spec } of layers) tags.set(linearTag(name), [...(tags.get(linearTag(name)) ?? []), spec])
  return Object.fromEntries([...tags].sort().map(([tag, specs]) => [tag, hqqConfig(mostCommon(specs))]))
}

function mostCommon(specs: readonly QuantSpec[]): QuantSpec {
  const counts = new Map<string, number>()
  for (const spec of specs) counts.set(specKey(spec), (counts.get(specKey(spec)) ?? 0) + 1)
  const highest = Math.max(...counts.values())
  // `specs` is never empty: it comes from a tag that a layer has.
  return specs.find((spec) => counts.get(specKey(spec)) === highest) as QuantSpec
}

function specKey(spec: QuantSpec): string {
  return choiceKey({ kind: 'quantize', spec: { ...spec, roundZero: resolvedRoundZero(spec) } })
}

/** Names and order of fields as transformers' HqqConfig writes them. */
function hqqConfig(spec: QuantSpec): Record<string, unknown> {
  const meta = (channelWise: boolean, groupSize: number | null) => ({
    channel_wise: channelWise,
    group_size: groupSize,
    nbits: 8,
    optimize: false,
  })
  return {
    offload_meta: false,
    scale_quant_params: spec.quantScale ? meta(true, 128) : null,
    weight_quant_params: {
      axis: spec.axis,
      channel_wise: true,
      group_size: spec.groupSize,
      nbits: spec.nbits,
      optimize: spec.method === 'hqq',
      round_zero: resolvedRoundZero(spec),
      view_as_float: false,
    },
    zero_quant_params: spec.quantZero ? meta(false, null) : null,
  }
}

/** Modules that hold plain weights. Readers compare by substring, so whole names are used: `layers.1.` is not in `layers.11.`. */
function skipModules(linears: readonly ResolvedTensor[]): string[] {
  const kept = linears.filter(({ choice }) => choice.kind === 'keep').map(({ name }) => name)
  const headQuantized = linears.some(({ name, choice }) => isHead(name) && choice.kind === 'quantize')
  const inBlocks = kept.filter((name) => !isHead(name) && !isEmbedding(name)).sort()
  return headQuantized ? inBlocks : ['lm_head', ...inBlocks]
}
