/** The way back from a quantized model: a folder of plain weights that any program reads, whatever its architecture. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineContract } from '../contract/engine.ts'
import { AppError } from '../contract/errors.ts'
import type { OutputOf } from '../contract/method.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import type { Engine } from './engine.ts'
import type { JobContext } from './job-kind.ts'
import { withMembers, withoutMember } from './json-text.ts'
import { readModelConfig } from './model-config.ts'
import { smallFilesOf } from './quantize-output.ts'
import { sha256 } from './source-hashes.ts'
import { openStaging } from './staging.ts'

export interface DequantizeRequest {
  sourceDir: string
  outDir: string
  /** Of the reconstructed weights; null takes that of their scales. */
  dtype: ComputeDtype | null
  overwrite: boolean
}

export type Dequantized = OutputOf<EngineContract['model.dequantize']>

/** Throws `bad-input` when nothing is quantized or the place is taken, and what the engine and the disk say. */
export async function dequantizeModel(
  engine: Engine,
  { sourceDir, outDir, dtype, overwrite }: DequantizeRequest,
  { signal, progress }: Pick<JobContext, 'signal' | 'progress'>,
): Promise<Dequantized> {
  if (sourceDir === outDir) throw new AppError('bad-input', 'The result cannot take the place of its source.')
  const { raw } = await readModelConfig(sourceDir)
  const fingerprint = sha256(JSON.stringify(['dequantize', sourceDir, dtype]))
  const staging = await openStaging({ outDir, fingerprint, overwrite, resume: false })
  try {
    const made = await engine.stream(
      'model.dequantize',
      { modelDir: sourceDir, outDir: staging.dir, dtype },
      {
        signal,
        onEvent: ({ tensorsDone, tensorsTotal, bytesDone, bytesTotal, current }) =>
          progress({
            phase: 'dequantize',
            done: tensorsDone,
            total: tensorsTotal,
            unit: 'tensors',
            bytes: { done: bytesDone, total: bytesTotal },
            detail: current,
          }),
      },
    )
    const plain = withoutMember(await readFile(join(sourceDir, 'config.json'), 'utf8'), 'quantization_config')
    const named = dtype === null ? plain : withMembers(plain, { ['dtype' in raw ? 'dtype' : 'torch_dtype']: dtype })
    await staging.write('config.json', named)
    const copied = await smallFilesOf(sourceDir)
    for (const name of copied) await staging.copy(join(sourceDir, name), name)
    await staging.publish([...made.files, 'config.json', ...copied])
    return made
  } catch (error) {
    await staging.release()
    throw error
  }
}
