/** Dequantizing as a job: the result is a model of the library. */
import type { DequantizeJobRequest } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import { dequantizeModel } from './dequantize.ts'
import type { Engine } from './engine.ts'
import type { JobKind, RequestOf } from './job-kind.ts'
import type { Library } from './library.ts'
import type { LoadedModels } from './loaded-models.ts'
import type { Models } from './models.ts'
import type { QuantizePlanner } from './quantize-plan.ts'
import { placeOf } from './result-places.ts'
import { sha256 } from './source-hashes.ts'
import { discardUnfinished } from './staging.ts'

export interface DequantizeKindDeps {
  engine: Engine
  models: Models
  library: Library
  loaded: LoadedModels
  planner: Pick<QuantizePlanner, 'place'>
}

export interface Dequantizing {
  kind: JobKind<RequestOf<'dequantize'>>
  /** The request with its name and place decided. Throws `bad-input` for a model that holds nothing quantized. */
  complete(request: DequantizeJobRequest): Promise<DequantizeJobRequest>
}

export function createDequantizing({ engine, models, library, loaded, planner }: DequantizeKindDeps): Dequantizing {
  return {
    async complete(request) {
      const { name, quantization } = await models.summary(request.modelId)
      if (quantization === null)
        throw new AppError('bad-input', `${name} is not quantized: its weights are plain already.`)
      return { ...request, ...(await planner.place(`${name} dequantized`, request)) }
    },
    kind: {
      lane: 'engine',
      title: async ({ modelId }) => `Dequantize ${(await models.find(modelId)).name}`,
      inputKey: (request) => sha256(JSON.stringify(request)),
      async run(request, context) {
        const { path, name } = await models.find(request.modelId)
        const outDir = placeOf(request)
        const work = { sourceDir: path, outDir, dtype: request.dtype, overwrite: false }
        const turn = { purpose: `dequantizing ${name}`, signal: context.signal, wait: true }
        const made = await loaded.alone(turn, () => dequantizeModel(engine, work, context))
        // Not `created`: that is for folders whose record names the files that the app may delete.
        const entry = await library.add(outDir, 'added')
        if (request.name !== undefined && request.name !== entry.name) await library.rename(outDir, request.name)
        models.changed()
        context.log(`${made.dequantizedLayers} layers reconstructed, saved to ${outDir}.`)
        return { resultModelId: entry.id }
      },
      saved: async () => ({ text: null, resumable: false }),
      discard: (request) => discardUnfinished(placeOf(request)),
    },
  }
}
