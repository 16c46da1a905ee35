/**
 * What a plan will cost: the resolved table, the file, the memory to run and to make it, and advice. The same arithmetic
 * runs live in the window, in the services before a job and on the command line.
 */
import type { Estimate, LinearInfo, Machine, MemoryParts, ModelDetail, TensorInfo } from '../contract/domain.ts'
import type { Choice, ComputeDtype, QuantConfig, ResolvedTensor } from '../contract/quant.ts'
import { KEEP } from './choices.ts'
import { storedFileBytes } from './file-size.ts'
import { judgeQuantize, judgeRun, type MachineMemory } from './fit.ts'
import { type DeviceKind, kvBytesPerToken, memoryToQuantize, memoryToRun, totalMemory } from './memory.ts'
import { dtypeBytes, groupCount } from './packing.ts'
import { priceLinear, resolveConfig } from './resolve.ts'
import { runtimeBytes } from './runtime-layout.ts'
import { planWarnings } from './warnings.ts'

export type PlanModel = Pick<ModelDetail, 'linears' | 'tensors' | 'otherBytes'> & {
  readonly summary: Pick<ModelDetail['summary'], 'config'>
}

export interface PlanSituation {
  readonly contextLength: number
  readonly machine: MachineMemory | Machine | null
  /** The memory that the model will run in, where that is not the machine's (plan/device.ts). */
  readonly runsIn?: MachineMemory | null
}

export const NOT_A_LINEAR = 'not a linear layer'

/** Throws `bad-input` where the configuration does not suit the model (see resolve.ts). */
export function estimateConfig(model: PlanModel, config: QuantConfig, situation: PlanSituation): Estimate {
  return estimateTable(model, resolveConfig(config, model.linears), config.computeDtype, situation)
}

/** The same from choices made cell by cell, for the grid; impossible choices are priced as if they were possible. */
export function estimateChoices(
  model: PlanModel,
  choices: ReadonlyMap<string, Choice>,
  computeDtype: ComputeDtype,
  situation: PlanSituation,
): Estimate {
  const table = model.linears.map((linear) =>
    priceLinear(linear, { choice: choices.get(linear.name) ?? KEEP, decidedBy: 'chosen' }, computeDtype),
  )
  return estimateTable(model, table, computeDtype, situation)
}

/** From priced linear layers to the whole estimate. */
export function estimateTable(
  model: PlanModel,
  linearRows: readonly ResolvedTensor[],
  computeDtype: ComputeDtype,
  { contextLength, machine, runsIn = machine }: PlanSituation,
): Estimate {
  const { config } = model.summary
  const kind = runsIn !== null && 'kind' in runsIn ? runsIn.kind : 'cpu'
  const table = [...linearRows, ...otherRows(model, computeDtype)]
  const run = memoryToRun(loadedBytes(table, computeDtype), config, contextLength, kind)
  const quantizeBytes = memoryToQuantize(table)
  const bytesPerToken = config === null ? 0 : kvBytesPerToken(config, contextLength, kind)
  return {
    table,
    fileBytes: storedFileBytes(table),
    run,
    runTotalBytes: totalMemory(run),
    runFit: judgeRun(run, runsIn, { length: contextLength, bytesPerToken }),
    quantizeBytes,
    quantizeFit: judgeQuantize(quantizeBytes, machine),
    contextLength,
    bitsPerWeight: averageBitsPerWeight(linearRows),
    warnings: planWarnings(linearRows, computeDtype),
  }
}

/** Memory to run a model as it is stored, quantized or not: the prediction beside every measurement. */
export function predictMemory(model: PlanModel, contextLength: number, kind: DeviceKind = 'cpu'): MemoryParts {
  let metadataBytes = 0
  let weightBytes = model.otherBytes
  for (const { shape, sourceBytes, quantized } of model.linears) {
    if (quantized === null) {
      weightBytes += sourceBytes
      continue
    }
    const loaded = runtimeBytes(shape, quantized, metadataDtype(shape, quantized))
    metadataBytes += loaded.metadata
    weightBytes += loaded.weights
  }
  return memoryToRun({ weightBytes, metadataBytes }, model.summary.config, contextLength, kind)
}

/** The dtype of stored scales and zeros, from their bytes. */
function metadataDtype(shape: [number, number], quantized: NonNullable<LinearInfo['quantized']>): ComputeDtype {
  return quantized.metadataBytes >= groupCount(shape, quantized) * 8 ? 'float32' : 'float16'
}

/** What the tensors of a plan take once they are loaded. */
function loadedBytes(table: readonly ResolvedTensor[], dtype: ComputeDtype) {
  let weightBytes = 0
  let metadataBytes = 0
  for (const { shape, choice, bytes } of table) {
    if (choice.kind === 'keep') {
      weightBytes += bytes
      continue
    }
    const loaded = runtimeBytes([shape[0] ?? 0, shape[1] ?? 0], choice.spec, dtype)
    weightBytes += loaded.weights
    metadataBytes += loaded.metadata
  }
  return { weightBytes, metadataBytes }
}

/** Over the quantized layers, metadata included; over all linear layers when none is quantized. */
export function averageBitsPerWeight(linearRows: readonly ResolvedTensor[]): number {
  const quantized = linearRows.filter((row) => row.choice.kind === 'quantize')
  const counted = quantized.length > 0 ? quantized : linearRows
  let bits = 0
  let weights = 0
  for (const row of counted) {
    bits += row.bytes * 8
    weights += numelOf(row.shape)
  }
  return weights === 0 ? 0 : bits / weights
}

/** Embeddings, norms, biases: kept, and saved in the compute dtype where they are floating point. */
function otherRows(model: PlanModel, dtype: ComputeDtype): ResolvedTensor[] {
  const linearWeights = new Set(model.linears.map((linear) => `${linear.name}.weight`))
  return model.tensors.filter((tensor) => !linearWeights.has(tensor.name)).map((tensor) => otherRow(tensor, dtype))
}

function otherRow(tensor: TensorInfo, dtype: ComputeDtype): ResolvedTensor {
  const numel = numelOf(tensor.shape)
  const floating = /^(b?float|f\d|bf\d)/i.test(tensor.dtype)
  const bytes = floating ? numel * dtypeBytes(dtype) : tensor.bytes
  return {
    name: tensor.name,
    shape: tensor.shape,
    choice: KEEP,
    decidedBy: NOT_A_LINEAR,
    sourceBytes: tensor.bytes,
    bytes,
    metadataBytes: 0,
    bitsPerWeight: numel === 0 ? 0 : (bytes * 8) / numel,
  }
}

function numelOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}
