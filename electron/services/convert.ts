/**
 * A model in another program's format: written beside its place, compared with its source weight by weight, then moved there. Nothing
 * is quantized anew, so the comparison says exactly what the format costs.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineContract } from '../contract/engine.ts'
import { AppError } from '../contract/errors.ts'
import type { OutputOf } from '../contract/method.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import { priceLinear } from '../plan/resolve.ts'
import { dequantizeModel } from './dequantize.ts'
import type { Engine } from './engine.ts'
import type { JobContext } from './job-kind.ts'
import { withMembers, withoutMember } from './json-text.ts'
import { readModelConfig } from './model-config.ts'
import type { Models } from './models.ts'
import { smallFilesOf } from './quantize-output.ts'
import { configChanges } from './saved-config.ts'
import { sha256 } from './source-hashes.ts'
import { discardUnfinished, openStaging, type Staging } from './staging.ts'
import { storedFormatOf } from './stored-format.ts'

export const CONVERT_FORMATS = ['hqq-safetensors', 'qmodel', 'compressed-tensors', 'safetensors'] as const
export type ConvertFormat = (typeof CONVERT_FORMATS)[number]

export interface ConvertRequest {
  modelId: string
  outDir: string
  format: ConvertFormat
  /** Of compressed-tensors; null takes 4 where no layer has more. */
  nbits: 4 | 8 | null
  /** Of plain safetensors; null takes that of the scales. */
  dtype: ComputeDtype | null
  overwrite: boolean
}

export interface Converted {
  fileBytes: number
  difference: OutputOf<EngineContract['model.compareWeights']>
  seconds: number
}

type Work = Pick<JobContext, 'signal' | 'progress'>

/** Throws `bad-input` for a place that is taken and a layer that does not fit the format, and what the engine and the disk say. */
export async function convertModel(
  { engine, models }: { engine: Engine; models: Models },
  request: ConvertRequest,
  work: Work,
): Promise<Converted> {
  const { path: sourceDir } = await models.find(request.modelId)
  const { outDir, overwrite, format, nbits, dtype } = request
  if (sourceDir === outDir) throw new AppError('bad-input', 'The result cannot take the place of its source.')
  if (format === 'safetensors') {
    const made = await dequantizeModel(engine, { sourceDir, outDir, dtype, overwrite }, work)
    return { ...made, difference: await compareWith(engine, sourceDir, outDir, work) }
  }
  const fingerprint = sha256(JSON.stringify(['convert', sourceDir, format, nbits]))
  const staging = await openStaging({ outDir, fingerprint, overwrite, resume: false })
  try {
    const made = await engine.stream(
      'model.convert',
      { modelDir: sourceDir, outDir: staging.dir, format, nbits },
      {
        signal: work.signal,
        onEvent: ({ tensorsDone, tensorsTotal, bytesDone, bytesTotal, current }) =>
          work.progress({
            phase: 'convert',
            done: tensorsDone,
            total: tensorsTotal,
            unit: 'tensors',
            bytes: { done: bytesDone, total: bytesTotal },
            detail: current,
          }),
      },
    )
    await writeConfig(staging, models, request, sourceDir, made.quantizationConfig)
    const copied = await smallFilesOf(sourceDir)
    for (const name of copied) await staging.copy(join(sourceDir, name), name)
    const difference = await compareWith(engine, sourceDir, staging.dir, work)
    if (format === 'hqq-safetensors' && difference.exact !== difference.tensors)
      throw new AppError(
        'internal',
        `${difference.tensors - difference.exact} converted tensors differ from their source.`,
      )
    await staging.publish([...made.files, 'config.json', ...copied])
    return { fileBytes: made.fileBytes, seconds: made.seconds, difference }
  } catch (error) {
    await staging.release()
    await discardUnfinished(outDir)
    throw error
  }
}

async function writeConfig(
  staging: Staging,
  models: Models,
  { modelId, format }: ConvertRequest,
  sourceDir: string,
  quantization: Record<string, unknown> | null,
): Promise<void> {
  const text = withoutMember(await readFile(join(sourceDir, 'config.json'), 'utf8'), 'compression_config')
  // Layers are described in the file itself, and transformers would look for them in safetensors.
  if (format === 'qmodel') return staging.write('config.json', withoutMember(text, 'quantization_config'))
  if (quantization !== null)
    return staging.write('config.json', withMembers(text, { quantization_config: quantization }))
  const { raw } = await readModelConfig(sourceDir)
  // A configuration of our own format is right already.
  if (format !== 'hqq-safetensors' || (raw.quantization_config != null && storedFormatOf(raw) === null))
    return staging.write('config.json', text)
  const { linears } = await models.detail(modelId)
  const rows = linears.map((linear) => {
    const choice =
      linear.quantized === null ? { kind: 'keep' as const } : { kind: 'quantize' as const, spec: linear.quantized }
    return priceLinear(linear, { choice, decidedBy: 'base' }, 'float16')
  })
  await staging.write('config.json', withMembers(text, configChanges(raw, rows, 'float16')))
}

function compareWith(engine: Engine, modelDir: string, otherDir: string, { signal, progress }: Work) {
  return engine.stream(
    'model.compareWeights',
    { modelDir, otherDir },
    {
      signal,
      onEvent: ({ tensorsDone, tensorsTotal, current }) =>
        progress({ phase: 'verify', done: tensorsDone, total: tensorsTotal, unit: 'tensors', detail: current }),
    },
  )
}
