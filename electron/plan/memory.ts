/**
 * What the engine will hold in memory, itemised, before anything is loaded. The constants mirror the engine's own layout
 * (native/model); every estimate is later shown beside what was measured.
 */
import type { MemoryParts, ModelConfigSummary } from '../contract/domain.ts'
import type { ResolvedTensor } from '../contract/quant.ts'

/** The KV cache holds float32 keys and values. */
const KV_BYTES_PER_VALUE = 4
/** Prompt tokens that go through the layers together. */
const PREFILL_TOKENS = 256
/** The process itself: runtime, code, tokenizer tables. */
const PROCESS_BYTES = 90 * 2 ** 20
/** Float copy, shrunk integers and sums that the quantizer holds for one weight beside the packed result. */
const QUANTIZE_BYTES_PER_WEIGHT = 4 + 1

type CacheShape = Pick<ModelConfigSummary, 'layers' | 'kvHeads' | 'headDim'>
type ScratchShape = Pick<ModelConfigSummary, 'hiddenSize' | 'intermediateSize' | 'heads' | 'headDim' | 'vocabSize'>

/** Keys and values of one token in all layers. */
export function kvBytesPerToken(config: CacheShape): number {
  return 2 * config.layers * config.kvHeads * config.headDim * KV_BYTES_PER_VALUE
}

/** Activations of one prefill chunk, attention scores over the context, and one row of logits. */
export function scratchBytes(config: ScratchShape, contextLength: number): number {
  const tokens = Math.min(PREFILL_TOKENS, contextLength)
  const perToken = 3 * config.hiddenSize + 3 * config.heads * config.headDim + 2 * config.intermediateSize
  return 4 * (tokens * perToken + config.heads * contextLength + config.vocabSize)
}

/** Memory to run a model whose tensors take these bytes. Without a known architecture only the weights are counted. */
export function memoryToRun(
  stored: { weightBytes: number; metadataBytes: number },
  config: ModelConfigSummary | null,
  contextLength: number,
): MemoryParts {
  return {
    weights: stored.weightBytes,
    metadata: stored.metadataBytes,
    kvCache: config === null ? 0 : kvBytesPerToken(config) * contextLength,
    scratch: config === null ? 0 : scratchBytes(config, contextLength),
    other: PROCESS_BYTES,
  }
}

export function totalMemory(parts: MemoryParts): number {
  return parts.weights + parts.metadata + parts.kvCache + parts.scratch + parts.other
}

/** Peak while quantizing: tensor at a time, so the most expensive single tensor counts, not the model. */
export function memoryToQuantize(table: readonly ResolvedTensor[]): number {
  let peak = 0
  for (const { shape, bytes, choice } of table) {
    const numel = shape.reduce((product, size) => product * size, 1)
    const needed = choice.kind === 'quantize' ? numel * QUANTIZE_BYTES_PER_WEIGHT + bytes : bytes
    peak = Math.max(peak, needed)
  }
  return peak + PROCESS_BYTES
}
