/**
 * What the engine will hold in memory, itemised, before anything is loaded. The constants mirror the engine's own layout
 * (native/model); every estimate is later shown beside what was measured.
 */
import type { MemoryParts, ModelConfigSummary } from '../contract/domain.ts'
import type { ResolvedTensor } from '../contract/quant.ts'
import { methodInfo } from './methods.ts'
import { groupCount } from './packing.ts'

/** The KV cache holds float32 keys and values, heads padded to 16 values and the context to 64 tokens. */
const KV_BYTES_PER_VALUE = 4
const KV_HEAD_STEP = 16
const KV_TOKEN_STEP = 64
/** Prompt tokens that go through the layers together. */
const BATCH_TOKENS = 256
/** Activations rounded to 8 bits are scaled in chunks of this many values. */
const CHUNK = 64
/** Logits are computed for as many rows as fit in this, but for 16 at least. */
const LOGIT_BYTES = 32 * 2 ** 20
const MIN_LOGIT_ROWS = 16
/** The engine process without a model: runtime, code, buffers of the system. */
const PROCESS_BYTES = 70 * 2 ** 20
/** Pieces of files, and what each thread works on. */
const QUANTIZE_FIXED_BYTES = 16 * 2 ** 20
/** Scale and zero in float32 while they are sought, and the running errors of a group. */
const QUANTIZE_BYTES_PER_GROUP = 16

// The same on a GPU (native/cuda/device_model.cpp), in the float16 arithmetic that chats use there.
const GPU_KV_BYTES_PER_VALUE = 2
const GPU_KV_HEAD_STEP = 8
const GPU_LOGIT_ROWS = 32
/** CUDA's context and the code of the kernels. */
const GPU_PROCESS_BYTES = 500 * 2 ** 20

export type DeviceKind = 'cpu' | 'cuda'

type CacheShape = Pick<ModelConfigSummary, 'layers' | 'kvHeads' | 'headDim' | 'sliding'>
type ScratchShape = Pick<
  ModelConfigSummary,
  'hiddenSize' | 'intermediateSize' | 'heads' | 'kvHeads' | 'headDim' | 'vocabSize' | 'gatedMlp' | 'experts'
>

/** Keys and values of one more token in all layers whose cache grows with the context. */
export function kvBytesPerToken(config: CacheShape, contextLength: number, kind: DeviceKind = 'cpu'): number {
  const growing = config.layers - (slotsOfWindow(config, contextLength) < contextLength ? ringLayers(config, kind) : 0)
  return growing * kvBytesPerSlot(config, kind)
}

/**
 * The whole cache, reserved when the model is loaded. On the CPU layers with a window keep a ring of the tokens that can
 * be seen; a GPU keeps the context of every layer.
 */
export function kvCacheBytes(config: CacheShape, contextLength: number, kind: DeviceKind = 'cpu'): number {
  const rings = ringLayers(config, kind)
  const rounded = (tokens: number) => (kind === 'cuda' ? tokens : roundUp(tokens, KV_TOKEN_STEP))
  const slots = (config.layers - rings) * rounded(contextLength) + rings * rounded(slotsOfWindow(config, contextLength))
  return slots * kvBytesPerSlot(config, kind)
}

function kvBytesPerSlot({ kvHeads, headDim }: CacheShape, kind: DeviceKind): number {
  return kind === 'cuda'
    ? 2 * kvHeads * roundUp(headDim, GPU_KV_HEAD_STEP) * GPU_KV_BYTES_PER_VALUE
    : 2 * kvHeads * roundUp(headDim, KV_HEAD_STEP) * KV_BYTES_PER_VALUE
}

function ringLayers({ sliding }: CacheShape, kind: DeviceKind): number {
  return kind === 'cuda' ? 0 : (sliding?.layers ?? 0)
}

/** The first token of a batch still sees its window after the last one has been stored. */
function slotsOfWindow({ sliding }: CacheShape, contextLength: number): number {
  return Math.min(contextLength, (sliding?.window ?? contextLength) + BATCH_TOKENS)
}

/** Activations of one batch in float32 and, rounded, in 8 bits, and rows of logits. */
export function scratchBytes(config: ScratchShape): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize, gatedMlp = true, experts } = config
  const mlp = Math.max(intermediateSize, experts?.intermediateSize ?? 0)
  const mixture = experts === undefined ? 0 : experts.count + 2 * hiddenSize
  const values = 3 * hiddenSize + 2 * heads * headDim + 2 * kvHeads * headDim + (gatedMlp ? 3 : 2) * mlp + mixture
  const widest = roundUp(Math.max(hiddenSize, mlp, heads * headDim), CHUNK)
  const rounded = widest + (widest / CHUNK) * 4 + (widest / 8 + 1) * 4
  const wantedRows = Math.floor(LOGIT_BYTES / (vocabSize * 4))
  const logitRows = Math.max(MIN_LOGIT_ROWS, Math.min(BATCH_TOKENS, wantedRows))
  // One more row for the token that is being chosen.
  return BATCH_TOKENS * (values * 4 + rounded) + (logitRows + 1) * vocabSize * 4
}

/** Activations of one batch on a GPU, rows of logits, and the sines and cosines of the whole context. */
function gpuScratchBytes(config: ScratchShape, contextLength: number): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize } = config
  const queries = heads * headDim
  const values = (hiddenSize + queries + 2 * kvHeads * headDim) * 4 + Math.max(queries, intermediateSize) * 2
  const batch = Math.min(BATCH_TOKENS, contextLength)
  return batch * values + Math.min(GPU_LOGIT_ROWS, batch) * vocabSize * 4 + contextLength * headDim * 4
}

/** Memory to run a model whose tensors take these bytes. Without a known architecture only the weights are counted. */
export function memoryToRun(
  stored: { weightBytes: number; metadataBytes: number },
  config: ModelConfigSummary | null,
  contextLength: number,
  kind: DeviceKind = 'cpu',
): MemoryParts {
  const scratchOf = (known: ModelConfigSummary) =>
    kind === 'cuda' ? gpuScratchBytes(known, contextLength) : scratchBytes(known)
  return {
    weights: stored.weightBytes,
    metadata: stored.metadataBytes,
    kvCache: config === null ? 0 : kvCacheBytes(config, contextLength, kind),
    scratch: config === null ? 0 : scratchOf(config),
    other: kind === 'cuda' ? GPU_PROCESS_BYTES : PROCESS_BYTES,
  }
}

export function totalMemory(parts: MemoryParts): number {
  return parts.weights + parts.metadata + parts.kvCache + parts.scratch + parts.other
}

/**
 * Peak while quantizing: tensor at a time, so the most expensive single tensor counts, not the model. It is the source as it
 * is read, the integers before they are packed (a byte each), the result, and scales and zeros in float32.
 */
export function memoryToQuantize(table: readonly ResolvedTensor[]): number {
  let peak = 0
  for (const { shape, sourceBytes, bytes, choice } of table) {
    if (choice.kind === 'keep') continue
    const numel = shape.reduce((product, size) => product * size, 1)
    const groups = groupCount([shape[0] ?? 0, shape[1] ?? 0], choice.spec)
    peak = Math.max(peak, sourceBytes + numel + bytes + groups * QUANTIZE_BYTES_PER_GROUP)
  }
  return peak + memoryToMeasure(table) + QUANTIZE_FIXED_BYTES + PROCESS_BYTES
}

/**
 * What methods that feed errors back keep of the inputs they measured: a square matrix for every input, which the layers of one
 * block that read the same input share, and the factor of the widest while it is worked on.
 */
function memoryToMeasure(table: readonly ResolvedTensor[]): number {
  const inputs = new Map<string, number>()
  for (const { name, shape, choice } of table) {
    if (choice.kind === 'keep' || methodInfo(choice.spec.method).measures !== 'pairs of columns') continue
    const width = shape[1] ?? 0
    inputs.set(`${name.slice(0, name.lastIndexOf('.'))} ${width}`, width)
  }
  const widths = [...inputs.values()]
  const widest = Math.max(0, ...widths)
  return widths.reduce((sum, width) => sum + width * width * 4, 0) + widest * widest * 12
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}
