/** `convert` to formats that are folders: compared with the source before the result appears. */
import { resolve } from 'node:path'
import type { ComputeDtype } from '../contract/quant.ts'
import { formatDisk } from '../plan/units.ts'
import { type ConvertFormat, convertModel } from '../services/convert.ts'
import { fields, snakeCase, UsageError } from './output.ts'
import { type Session, workContext } from './session.ts'

export interface ConvertFolderOptions {
  from: string
  to: ConvertFormat
  out: string
  bits?: string
  dtype?: ComputeDtype
  force?: boolean
}

export async function convertFolder(session: Session, { from, to, out, bits, dtype, force }: ConvertFolderOptions) {
  if (bits !== undefined && to !== 'compressed-tensors')
    throw new UsageError('--bits goes with --to compressed-tensors.')
  if (dtype !== undefined && to !== 'safetensors') throw new UsageError('--dtype goes with --to safetensors.')
  const { services } = session
  const { id: modelId } = await services.models.open(from)
  const outDir = resolve(out)
  const nbits = bits === undefined ? null : bits === '8' ? 8 : 4
  const request = { modelId, outDir, format: to, nbits, dtype: dtype ?? null, overwrite: force ?? false } as const
  const made = await convertModel(
    { engine: services.supervisor, models: services.models },
    request,
    workContext(session),
  )
  const { tensors, exact, maxError, meanError, meanMagnitude } = made.difference
  const lossless = exact === tensors
  const text = fields([
    ['saved to', outDir],
    [
      'weights',
      lossless ? `the same, bit for bit, in all ${tensors} tensors` : `the same in ${exact} of ${tensors} tensors`,
    ],
    ...(lossless
      ? []
      : ([
          [
            'error',
            `mean ${meanError.toExponential(2)} (${((100 * meanError) / meanMagnitude).toFixed(2)} % of the weights' mean size), ` +
              `largest ${maxError.toExponential(2)}`,
          ],
        ] satisfies [string, string][])),
    ['size', formatDisk(made.fileBytes)],
    ['time', `${made.seconds.toFixed(1)} s`],
  ])
  return { text, json: snakeCase({ out: outDir, format: to, lossless, ...made }) }
}
