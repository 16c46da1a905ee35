/** The fake engine's sensitivities: errors that fall by four with each bit, layers that matter less the later they come. */
import type { EngineContract } from '../contract/engine.ts'
import { AppError } from '../contract/errors.ts'
import type { EventOf, OutputOf, ParsedInputOf } from '../contract/method.ts'
import { metadataBytes, packedBytes } from '../plan/packing.ts'
import type { StreamContext } from '../rpc/server.ts'
import type { FakeStep } from './fake-engine.ts'
import { readWeights } from './fake-safetensors.ts'

type Sensitivity = EngineContract['model.sensitivity']

export async function fakeSensitivity(
  { modelDir, layers, computeDtype, tokens }: ParsedInputOf<Sensitivity>,
  context: StreamContext<EventOf<Sensitivity>>,
  step: FakeStep,
): Promise<OutputOf<Sensitivity>> {
  const { tensors } = readWeights(modelDir)
  for (const [index, { name, candidates, probe }] of layers.entries()) {
    const weight = tensors.find((tensor) => tensor.name === `${name}.weight`)
    if (weight === undefined) throw new AppError('bad-input', `The model has no layer ${name}.`)
    await step(context)
    const shape: [number, number] = [weight.shape[0] ?? 1, weight.shape[1] ?? 1]
    const losses = candidates.map((quant) => {
      const error = 4 ** -quant.nbits * Math.sqrt((quant.groupSize ?? 1024) / 64)
      const bytes = packedBytes(shape, quant) + metadataBytes(shape, quant, computeDtype)
      return { relativeError: Math.sqrt(error), weightedError: error, bytes, seconds: 0.001, kept: false }
    })
    const divergence = (losses[probe]?.weightedError ?? 0) / (index + 1)
    context.emit({ type: 'layer', name, divergence, candidates: losses })
    context.emit({ type: 'progress', phase: 'candidates', done: index + 1, total: layers.length })
  }
  return { tokens, meanNll: 2, seconds: 0.001 }
}
