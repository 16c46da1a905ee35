/** From what lies in a model folder to what every screen says about it. Pure; reading is in model-reader.ts. */
import type { LinearInfo, ModelConfigSummary, TensorInfo } from '../contract/domain.ts'
import type { EngineContract } from '../contract/engine.ts'
import type { OutputOf } from '../contract/method.ts'
import type { QuantSpec } from '../contract/quant.ts'
import type { VisionSummary } from '../contract/vision.ts'
import { mixLabel, quantSpec } from '../plan/choices.ts'
import { expertTotals } from '../plan/experts.ts'
import { blockIndex, byPosition, linearTag } from '../plan/tags.ts'
import type { VisionConfig } from './vision-config.ts'
import { towerIn, visionSummary } from './vision-summary.ts'

export type Inspection = OutputOf<EngineContract['model.inspect']>
type QuantizedLayer = Inspection['quantizedLayers'][number]

export interface ModelFacts {
  tensors: TensorInfo[]
  linears: LinearInfo[]
  otherBytes: number
  parameters: number
  dtype: string
  fileBytes: number
  /** A kind of file that holds quantized layers in its own way; null for safetensors. */
  container: 'GGUF' | 'qmodel.pt' | null
  /** What reading it does to layers that have no quantized form here. */
  notices: readonly string[]
  quantization: { label: string; mixed: boolean; bitsPerWeight: number } | null
  experts: { activeParameters: number; bytesEach: number } | null
  vision: VisionSummary | null
}

/** 2-D weights under these names are no matrices of the model: tables of positions, norms. */
const NOT_LINEAR = /(^|[._])(wpe|\w*position\w*|\w*norm)$/
const DTYPE_NAMES: Readonly<Record<string, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }

export function modelFacts(
  inspection: Inspection,
  config: ModelConfigSummary | null,
  vision: VisionConfig | null = null,
): ModelFacts {
  const layers = new Map(inspection.quantizedLayers.map((layer) => [layer.name, layer]))
  const linears: LinearInfo[] = []
  let otherBytes = 0
  let parameters = 0
  for (const layer of inspection.quantizedLayers) {
    linears.push(quantizedLinear(layer))
    parameters += layer.shape[0] * layer.shape[1]
  }
  for (const tensor of inspection.tensors) {
    const module = tensor.name.slice(0, tensor.name.lastIndexOf('.'))
    if (layers.has(module)) {
      // Scales, zeros and the small description tensors are in the layer's own bytes.
      if (tensor.name.endsWith('.bias')) {
        otherBytes += tensor.bytes
        parameters += numel(tensor)
      }
      continue
    }
    parameters += numel(tensor)
    if (isLinear(tensor, module)) linears.push(plainLinear(tensor, module))
    else otherBytes += tensor.bytes
  }
  if (vision !== null) for (const linear of linears) linear.tower = towerIn(vision.kind, linear.name)
  linears.sort(byPosition)
  parameters -= duplicatedHead(inspection, config)
  return {
    tensors: inspection.tensors,
    linears,
    otherBytes,
    parameters,
    dtype: dtypeOf(inspection, linears),
    fileBytes: inspection.files.reduce((sum, file) => sum + file.bytes, 0),
    container: containerOf(inspection.files),
    notices: inspection.notices ?? [],
    quantization: quantizationOf(linears),
    experts: expertsOf(linears, parameters, config),
    vision: vision === null ? null : visionSummary(vision, inspection.tensors, linears, numel),
  }
}

function containerOf(files: Inspection['files']): ModelFacts['container'] {
  if (files.some(({ name }) => name.endsWith('.gguf'))) return 'GGUF'
  return files.some(({ name }) => name === 'qmodel.pt') ? 'qmodel.pt' : null
}

function expertsOf(
  linears: readonly LinearInfo[],
  parameters: number,
  config: ModelConfigSummary | null,
): ModelFacts['experts'] {
  const totals = expertTotals(linears.map(({ name, shape, sourceBytes }) => ({ name, shape, bytes: sourceBytes })))
  if (totals === null || config?.experts === undefined) return null
  const { count, perToken } = config.experts
  return {
    activeParameters: Math.round(parameters - totals.parameters * (1 - perToken / count)),
    bytesEach: Math.round(totals.bytes / totals.count),
  }
}

function isLinear(tensor: TensorInfo, module: string): boolean {
  return tensor.shape.length === 2 && tensor.name.endsWith('.weight') && !NOT_LINEAR.test(module)
}

function quantizedLinear(layer: QuantizedLayer): LinearInfo {
  const { nbits, groupSize, axis, quantZero, quantScale, bytes, metadataBytes } = layer
  const spec: QuantSpec = quantSpec(nbits, groupSize, { axis, quantZero, quantScale })
  return {
    name: layer.name,
    block: blockIndex(layer.name),
    tag: linearTag(layer.name),
    shape: layer.shape,
    sourceBytes: bytes,
    sourceDtype: `${nbits}-bit`,
    quantized: { ...spec, bytes, metadataBytes },
  }
}

function plainLinear(tensor: TensorInfo, module: string): LinearInfo {
  return {
    name: module,
    block: blockIndex(module),
    tag: linearTag(module),
    shape: [tensor.shape[0] ?? 0, tensor.shape[1] ?? 0],
    sourceBytes: tensor.bytes,
    sourceDtype: DTYPE_NAMES[tensor.dtype] ?? tensor.dtype,
    quantized: null,
  }
}

/** Some files store the head although it is tied to the embedding. */
function duplicatedHead(inspection: Inspection, config: ModelConfigSummary | null): number {
  const head = inspection.tensors.find((tensor) => tensor.name === 'lm_head.weight')
  return config?.tiedEmbeddings && head !== undefined ? numel(head) : 0
}

/** Of some layers: "4-bit g64", "mixed 2/4-bit", or the type that most of their bytes have. */
export function dtypeLabel(linears: readonly LinearInfo[]): string {
  const label = quantizationOf(linears)?.label
  const bytes = new Map<string, number>()
  for (const { sourceDtype, sourceBytes } of linears)
    bytes.set(sourceDtype, (bytes.get(sourceDtype) ?? 0) + sourceBytes)
  return label ?? [...bytes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'unknown'
}

function dtypeOf(inspection: Inspection, linears: readonly LinearInfo[]): string {
  const label = quantizationOf(linears)?.label
  if (label !== undefined) return label
  const bytes = new Map<string, number>()
  for (const tensor of inspection.tensors) bytes.set(tensor.dtype, (bytes.get(tensor.dtype) ?? 0) + tensor.bytes)
  const [dominant] = [...bytes].sort((a, b) => b[1] - a[1])
  const dtype = dominant?.[0] ?? 'unknown'
  return DTYPE_NAMES[dtype] ?? dtype
}

function quantizationOf(linears: readonly LinearInfo[]): ModelFacts['quantization'] {
  const layers = linears.flatMap(({ shape, quantized }) => (quantized === null ? [] : [{ shape, quantized }]))
  const choices = layers.map(({ quantized: { bytes: _, metadataBytes: __, ...spec } }) => ({
    kind: 'quantize' as const,
    spec,
  }))
  const label = mixLabel(choices)
  if (label === null) return null
  const weights = layers.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0)
  const bits = layers.reduce((sum, { quantized }) => sum + quantized.bytes * 8, 0)
  return { label, mixed: label.startsWith('mixed'), bitsPerWeight: weights === 0 ? 0 : bits / weights }
}

function numel(tensor: TensorInfo): number {
  return tensor.shape.reduce((product, size) => product * size, 1)
}
