/** The fake engine's quantizer: a journal after each tensor, files of the right size, errors that fall with the bits. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EngineContract, EngineQuant } from '../contract/engine.ts'
import { AppError } from '../contract/errors.ts'
import type { EventOf, OutputOf, ParsedInputOf } from '../contract/method.ts'
import { metadataBytes, packedBytes, packingName } from '../plan/packing.ts'
import type { StreamContext } from '../rpc/server.ts'
import type { FakeEngineOptions, FakeStep } from './fake-engine.ts'
import { type FakeTensor, readWeights, writeWeights } from './fake-safetensors.ts'

type Quantize = EngineContract['model.quantize']
type Layer = OutputOf<EngineContract['model.inspect']>['quantizedLayers'][number]

const JOURNAL = 'journal.json'

export async function fakeQuantize(
  { modelDir, outDir, plan, computeDtype, arriving }: ParsedInputOf<Quantize>,
  context: StreamContext<EventOf<Quantize>>,
  step: FakeStep,
  options: FakeEngineOptions,
): Promise<OutputOf<Quantize>> {
  const source = readWeights(modelDir)
  const journal = join(outDir, JOURNAL)
  mkdirSync(outDir, { recursive: true })
  // The journal is only ever written below.
  const finished = new Set(existsSync(journal) ? (JSON.parse(readFileSync(journal, 'utf8')) as string[]) : [])
  for (const tensor of arriving?.discard ?? []) finished.delete(moduleOf(tensor))
  if (arriving !== undefined) writeFileSync(journal, JSON.stringify([...finished]))
  const part = arriving === undefined || arriving.tensors === null ? null : new Set(arriving.tensors.map(moduleOf))
  const missing = arriving?.tensors === null ? plan.filter(({ name }) => !finished.has(name)) : []
  const bytesTotal = plan.length * 1000
  const layers: Layer[] = []
  let resumedTensors = 0

  for (const [index, { name, quant }] of plan.entries()) {
    if (part?.has(name) === false || missing.some((other) => other.name === name)) continue
    const weight = source.tensors.find((tensor) => tensor.name === `${name}.weight`)
    if (weight === undefined) throw new AppError('bad-input', `The model has no layer ${name}.`)
    const shape: [number, number] = [weight.shape[0] ?? 1, weight.shape[1] ?? 1]
    const layer = layerOf(name, shape, quant)
    const resumed = finished.has(name)
    if (!resumed) {
      await step(context)
      if (options.crashAt === name) {
        options.onCrash?.('SEGV')
        await new Promise(() => {})
      }
      if (options.nanAt === name) {
        throw new AppError(
          'bad-weights',
          `${name}.weight holds a value that is not a number. Download the model again.`,
        )
      }
      finished.add(name)
      writeFileSync(journal, JSON.stringify([...finished]))
    } else resumedTensors++
    layers.push(layer)
    const error = 0.01 * 2 ** (4 - quant.nbits)
    const measured = { meanAbsError: error / 10, relativeError: error, iterations: 10, seconds: 0.001 }
    context.emit({ type: 'tensor', name, resumed, bytes: layer.bytes, ...measured })
    const progress = { tensorsDone: index + 1, tensorsTotal: plan.length, bytesDone: (index + 1) * 1000, bytesTotal }
    context.emit({ type: 'progress', phase: 'quantize', ...progress, current: name })
  }

  const made = { quantizedTensors: layers.length, resumedTensors, seconds: 0.001 * plan.length, peakBytes: 1e6 }
  if (part !== null || missing.length > 0) {
    const names = missing.map(({ name }) => `${name}.weight`)
    return { ...made, files: [], missing: names, fileBytes: 0, keptTensors: 0 }
  }
  const kept = source.tensors.filter((tensor) => !layers.some((layer) => tensor.name === `${layer.name}.weight`))
  const tensors = [...layers.flatMap((layer) => tensorsOf(layer, computeDtype)), ...kept]
  const fileBytes = writeWeights(join(outDir, 'model.safetensors'), tensors, { fake_layers: JSON.stringify(layers) })
  rmSync(journal, { force: true })
  return { ...made, files: ['model.safetensors'], missing: [], fileBytes, keptTensors: kept.length }
}

function moduleOf(tensor: string): string {
  return tensor.replace(/\.weight$/, '')
}

function layerOf(name: string, shape: [number, number], quant: EngineQuant): Layer {
  const spec = { ...quant, method: 'hqq' as const }
  const metadata = metadataBytes(shape, spec, 'float16')
  return {
    name,
    nbits: quant.nbits,
    groupSize: quant.groupSize,
    axis: quant.axis,
    shape,
    packing: packingName(quant.nbits),
    quantZero: quant.quantZero,
    quantScale: quant.quantScale,
    bytes: packedBytes(shape, spec) + metadata,
    metadataBytes: metadata,
  }
}

function tensorsOf(layer: Layer, computeDtype: string | null): FakeTensor[] {
  const dtype = computeDtype === 'float32' ? 'F32' : 'F16'
  const half = layer.metadataBytes / 2
  const packed = layer.bytes - layer.metadataBytes
  return [
    { name: `${layer.name}.W_q`, dtype: 'U8', shape: [packed], bytes: packed },
    { name: `${layer.name}.scale`, dtype, shape: [half / 2], bytes: half },
    { name: `${layer.name}.zero`, dtype, shape: [half / 2], bytes: half },
  ]
}

/** The way back: every fake layer becomes a float16 matrix again. */
export function fakeDequantize(modelDir: string, outDir: string): OutputOf<EngineContract['model.dequantize']> {
  const { tensors, metadata } = readWeights(modelDir)
  // Written by fakeQuantize under this very key.
  const layers = JSON.parse(metadata.fake_layers ?? '[]') as Layer[]
  if (layers.length === 0) throw new AppError('bad-input', 'Nothing in this model is quantized.')
  const kept = tensors.filter(({ name }) => !layers.some((layer) => name.startsWith(`${layer.name}.`)))
  const plain: FakeTensor[] = layers.map(({ name, shape }) => {
    return { name: `${name}.weight`, dtype: 'F16', shape, bytes: shape[0] * shape[1] * 2 }
  })
  const fileBytes = writeWeights(join(outDir, 'model.safetensors'), [...plain, ...kept], {})
  return {
    files: ['model.safetensors'],
    fileBytes,
    dequantizedLayers: layers.length,
    keptTensors: kept.length,
    seconds: 0.001,
  }
}

/** A file of a few bytes: what is in a real one is tested with the real engine. */
export function fakeExport(modelDir: string, out: string): OutputOf<EngineContract['model.exportGguf']> {
  const { tensors } = readWeights(modelDir)
  writeFileSync(out, 'GGUF')
  return {
    fileBytes: 4,
    types: { F16: tensors.length },
    dequantizedLayers: 0,
    mostRounded: '',
    mostCast: '',
    castRounding: 0,
    rounding: 0,
    seconds: 0.001,
  }
}
