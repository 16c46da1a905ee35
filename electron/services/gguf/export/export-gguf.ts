/** A model of this app as one GGUF file for llama.cpp and the programs built on it: weights, configuration, tokenizer, template. */
import type { EngineContract } from '../../../contract/engine.ts'
import { AppError } from '../../../contract/errors.ts'
import type { OutputOf } from '../../../contract/method.ts'
import type { ComputeDtype } from '../../../contract/quant.ts'
import { readTokenizerFiles } from '../../../tokenizer/tokenizer-files.ts'
import type { Engine } from '../../engine.ts'
import { stopIds } from '../../generation-config.ts'
import type { JobContext } from '../../job-kind.ts'
import { readModelConfig } from '../../model-config.ts'
import { configMetadata } from './config-metadata.ts'
import { text } from './metadata.ts'
import { tokenizerMetadata } from './tokenizer-metadata.ts'

export interface ExportGgufRequest {
  sourceDir: string
  /** What the file says the model is called. */
  name: string
  out: string
  /** Of matrices that no block type holds; null keeps theirs. */
  floatType?: ComputeDtype | null
}

export type ExportedGguf = OutputOf<EngineContract['model.exportGguf']>

/** Throws `unsupported` before a byte is written when llama.cpp could not run the result as this app runs the model. */
export async function exportGguf(
  engine: Engine,
  { sourceDir, name, out, floatType = null }: ExportGgufRequest,
  { signal, progress }: Pick<JobContext, 'signal' | 'progress'>,
): Promise<ExportedGguf> {
  const config = await readModelConfig(sourceDir)
  if (config.summary === null)
    throw config.problem ?? new AppError('bad-file', `${sourceDir} has no usable config.json.`)
  const { architecture, metadata, factors } = configMetadata(config.raw, config.summary)
  const tokenizer = tokenizerMetadata(readTokenizerFiles(sourceDir), config.summary.vocabSize, await stopIds(sourceDir))
  const { heads, kvHeads, tiedEmbeddings } = config.summary
  return engine.stream(
    'model.exportGguf',
    {
      modelDir: sourceDir,
      out,
      architecture,
      heads,
      kvHeads,
      tied: tiedEmbeddings,
      floatType,
      metadata: [...metadata, text('general.name', name), ...tokenizer],
      factors,
    },
    {
      signal,
      onEvent: ({ tensorsDone, tensorsTotal, bytesDone, bytesTotal, current }) =>
        progress({
          phase: 'convert',
          done: tensorsDone,
          total: tensorsTotal,
          unit: 'tensors',
          bytes: { done: bytesDone, total: bytesTotal },
          detail: current,
        }),
    },
  )
}
