/**
 * The engine contract in plain TypeScript: real folders are read and resumable files written, but the numbers are made up, the
 * same each time. For unit tests of the services and for work on the window without a native build.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Device, FinishReason } from '../contract/domain.ts'
import { type EngineContract, type EngineMemory, engineContract } from '../contract/engine.ts'
import { AppError } from '../contract/errors.ts'
import type { EventOf, OutputOf, ParsedInputOf } from '../contract/method.ts'
import type { CallContext, Handlers, StreamContext } from '../rpc/server.ts'
import { fakeDequantize, fakeExport, fakeQuantize } from './fake-quantize.ts'
import { readWeights } from './fake-safetensors.ts'
import { fakeSensitivity } from './fake-sensitivity.ts'
import { fakeEmbed } from './fake-vision.ts'

export interface FakeEngineOptions {
  /** Waits between two steps of work (tensors, tokens, windows). */
  stepMs?: number
  /** What generation says, again and again. */
  script?: readonly number[]
  memoryBytes?: number
  /** Hears what is generated from. */
  onGenerate?: (input: ParsedInputOf<EngineContract['model.generate']>) => void
  /** Called by `debug.crash` and for layers named in `crashAt`: the process would be gone now. */
  onCrash?: (signal: string) => void
  /** Module name whose quantization kills the engine. */
  crashAt?: string
  /** Module name whose weights hold a NaN. */
  nanAt?: string
  /** Pretended GPUs; models cannot be loaded on those in `unfit`. */
  gpus?: readonly Device[]
  unfit?: readonly string[]
}

export type FakeStep = (context: CallContext) => Promise<void>

interface FakeModel {
  dir: string
  contextLength: number
  memory: EngineMemory
  lastIds: readonly number[]
}

const VERSION = '0.0.0-fake'
const VOCAB_SIZE = 256
const CPU_DEVICE: Device = { id: 'cpu', name: 'Pretend CPU', kind: 'cpu', totalBytes: 16e9, freeBytes: 8e9 }

/** Handlers for `serve(engineContract, ...)`. */
export function createFakeEngine(options: FakeEngineOptions = {}): Handlers<EngineContract> {
  const models = new Map<string, FakeModel>()
  const threads = { wanted: 2 }
  let nextHandle = 1

  /** One step of pretended work; ends early with `cancelled`. */
  async function step({ signal }: CallContext): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, options.stepMs ?? 0))
    if (signal.aborted) throw new AppError('cancelled', 'cancelled')
  }

  function model(handle: string): FakeModel {
    const found = models.get(handle)
    if (found === undefined) throw new AppError('not-found', 'The model is not loaded.')
    return found
  }

  return {
    'engine.info': () => ({
      cpu: 'Pretend CPU',
      cores: 2,
      totalMemoryBytes: options.memoryBytes ?? 16e9,
      availableMemoryBytes: options.memoryBytes ?? 8e9,
      simd: { available: ['scalar'], active: 'scalar' },
      threads: threads.wanted,
      devices: [CPU_DEVICE, ...(options.gpus ?? [])],
      cuda:
        options.gpus === undefined
          ? { state: 'no-driver', sentence: 'No NVIDIA driver is installed; everything runs on the CPU.' }
          : { state: 'ready', sentence: 'The GPU is ready.' },
      version: VERSION,
      methods: Object.keys(engineContract),
    }),
    'engine.configure': (input) => {
      threads.wanted = input.threads ?? 2
      return {}
    },
    'model.inspect': ({ dir }) => inspect(dir),
    'gguf.inspect': ({ path }) => {
      throw new AppError('bad-file', `${path} is not a valid GGUF file: the fake engine reads none`)
    },
    'model.quantize': (input, context) => fakeQuantize(input, context, step, options),
    'model.sensitivity': (input, context) => fakeSensitivity(input, context, step),
    'model.dequantize': ({ modelDir, outDir }) => fakeDequantize(modelDir, outDir),
    'model.exportGguf': ({ modelDir, out }) => fakeExport(modelDir, out),
    'model.convert': ({ format }) => {
      throw new AppError('unsupported', `The fake engine does not write ${format}.`)
    },
    'model.compareWeights': ({ modelDir }) => {
      const tensors = readWeights(modelDir).tensors.length
      return { tensors, exact: tensors, maxError: 0, meanError: 0, meanMagnitude: 0 }
    },
    'model.load': async ({ dir, contextLength, device }, context) => {
      await step(context)
      if (options.unfit?.includes(device)) throw new AppError('unsupported', `${device} cannot run this.`)
      const weights = readWeights(dir)
      const weightsBytes = weights.files.reduce((sum, file) => sum + file.bytes, 0)
      const kvCacheBytes = contextLength * 128
      const total = weightsBytes + kvCacheBytes + 4096
      const memory: EngineMemory = {
        weightsBytes,
        metadataBytes: 0,
        kvCacheBytes,
        scratchBytes: 4096,
        peakBytes: total,
        residentBytes: total + 1e6,
      }
      const handle = `fake-${nextHandle++}`
      models.set(handle, { dir, contextLength, memory, lastIds: [] })
      return { handle, vocabSize: VOCAB_SIZE, memory, seconds: 0.001 }
    },
    'model.unload': ({ handle }) => {
      models.delete(handle)
      return {}
    },
    'model.generate': (input, context) => {
      options.onGenerate?.(input)
      return generate(model(input.handle), input, context, step, options.script)
    },
    'model.perplexity': async ({ handle, idsFile, protocol, window, stride, maxTokens }, context) => {
      const { dir } = model(handle)
      // The file was written by the caller as one array of ids.
      const ids = (JSON.parse(readFileSync(idsFile, 'utf8')) as number[]).slice(0, maxTokens ?? undefined)
      const hop = protocol === 'windows' ? window : stride
      const total = Math.max(1, Math.floor(ids.length / hop))
      const perplexity = 20 + (dir.length % 7)
      for (let done = 1; done <= total; done++) {
        await step(context)
        context.emit({ type: 'progress', done, total, perplexity })
      }
      const scoredTokens = protocol === 'windows' ? total * (window - 1) : ids.length
      const negativeLogLikelihood = Math.log(perplexity) * scoredTokens
      return { perplexity, negativeLogLikelihood, tokens: ids.length, scoredTokens, windows: total, seconds: 0.01 }
    },
    'model.reference': async ({ handle, idsFile, window, out }, context) => {
      const { dir } = model(handle)
      const { tokens, windows } = windowsOf(idsFile, window)
      await step(context)
      context.emit({ type: 'progress', done: tokens, total: tokens })
      writeFileSync(out, dir)
      return { tokens, windows, bytes: dir.length, seconds: 0.01 }
    },
    'model.divergence': async ({ handle, reference, idsFile, window }, context) => {
      const { dir } = model(handle)
      const from = 'handle' in reference ? model(reference.handle).dir : readFileSync(reference.file, 'utf8')
      const { ids, tokens, windows } = windowsOf(idsFile, window)
      for (let at = 0; at < windows; at++) {
        await step(context)
        const targets = ids.slice(at * window + 1, (at + 1) * window)
        context.emit({ type: 'tokens', position: at * window + 1, ...fakeDivergence(targets, from === dir) })
        context.emit({ type: 'progress', done: (at + 1) * (window - 1), total: tokens })
      }
      return { tokens, windows, seconds: 0.01 }
    },
    'model.logits': ({ handle, ids, out }) => {
      model(handle)
      writeFileSync(out, JSON.stringify(ids))
      return { shape: [ids.length, ids[0]?.length ?? 0, VOCAB_SIZE] }
    },
    'vision.embed': async (input, context) => {
      model(input.handle)
      await step(context)
      return fakeEmbed(input)
    },
    'tensor.quantize': ({ quant, out }) => {
      writeFileSync(out, JSON.stringify(quant))
      return {
        shape: [8, 8],
        packing: `${quant.nbits}bit_u8`,
        iterations: 10,
        meanAbsError: 2 ** -quant.nbits,
        meanSquaredError: 4 ** -quant.nbits,
        maxAbsError: 2 ** (1 - quant.nbits),
        bytes: 8 * quant.nbits,
        seconds: 0.001,
      }
    },
    'debug.crash': ({ signal }) => {
      options.onCrash?.(signal)
      return {}
    },
  }
}

function inspect(dir: string): OutputOf<EngineContract['model.inspect']> {
  if (!existsSync(dir)) throw new AppError('not-found', `${dir} does not exist.`)
  const { files, tensors, metadata } = readWeights(dir)
  // Written by fakeQuantize below this very key.
  const layers = JSON.parse(metadata.fake_layers ?? '[]') as OutputOf<
    EngineContract['model.inspect']
  >['quantizedLayers']
  return { files, tensors, quantizedLayers: layers, metadata }
}

function windowsOf(idsFile: string, window: number) {
  // The file was written by the caller as one array of ids.
  const ids = JSON.parse(readFileSync(idsFile, 'utf8')) as number[]
  const windows = Math.floor(ids.length / window)
  return { ids, windows, tokens: windows * (window - 1) }
}

/** Every fourth token is thought of differently, unless a folder is compared with itself. */
function fakeDivergence(targets: readonly number[], same: boolean) {
  const differs = targets.map((_, index) => !same && index % 4 === 3)
  return {
    kl: differs.map((yes) => (yes ? 0.4 : 0)),
    referenceNll: targets.map(() => 1),
    nll: differs.map((yes) => (yes ? 2 : 1)),
    referenceTop: [...targets],
    top: targets.map((id, index) => (differs[index] ? id + 1 : id)),
    referenceTopNll: targets.map(() => 0.5),
    topNll: targets.map(() => 0.7),
  }
}

async function generate(
  model: FakeModel,
  input: ParsedInputOf<EngineContract['model.generate']>,
  context: StreamContext<EventOf<EngineContract['model.generate']>>,
  step: FakeStep,
  script: readonly number[] = [72, 105, 33],
): Promise<OutputOf<EngineContract['model.generate']>> {
  const newIds: number[] = []
  const reusedTokens = Math.min(commonPrefix(model.lastIds, input.ids), input.ids.length - 1)
  context.emit({ type: 'prefill', done: input.ids.length, total: input.ids.length })
  let finishReason: FinishReason = 'length'
  while (newIds.length < input.maxNewTokens) {
    if (input.ids.length + newIds.length >= model.contextLength) {
      finishReason = 'context-full'
      break
    }
    try {
      await step(context)
    } catch {
      finishReason = 'cancelled'
      break
    }
    const id = script[(newIds.length + (input.temperature > 0 ? input.seed : 0)) % script.length] ?? 0
    newIds.push(id)
    context.emit({ type: 'token', id })
    if (input.stopIds.includes(id)) {
      finishReason = 'eos'
      break
    }
  }
  model.lastIds = [...input.ids, ...newIds]
  const promptTokens = input.ids.length
  const seconds = { prefillSeconds: 0.01, decodeSeconds: newIds.length * 0.005 }
  return { newIds, finishReason, promptTokens, reusedTokens, ...seconds, memory: model.memory }
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}
