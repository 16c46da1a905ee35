/** `quantize --hub`: from the Hub straight to a quantized folder. */
import { resolve } from 'node:path'
import { formatDisk, significant } from '../plan/units.ts'
import { hubRepo } from './hub-commands.ts'
import { fields, snakeCase } from './output.ts'
import { type QuantOptions, quantConfigOf } from './quant-options.ts'
import { type Session, workContext } from './session.ts'

export interface HubQuantizeOptions extends QuantOptions {
  hub: string
  revision: string
  keepSource?: boolean
  out: string
  force?: boolean
  measure?: boolean
}

export async function quantizeFromHub(session: Session, options: HubQuantizeOptions) {
  const { services } = session
  const savedPreset = (id: string) => services.presets.list().presets.find((one) => one.id === id)?.config
  const request = await services.streamQuantizing.complete({
    repo: hubRepo(options.hub),
    revision: options.revision,
    config: await quantConfigOf(options, savedPreset),
    outDir: resolve(options.out),
    overwrite: options.force ?? false,
    keepSource: options.keepSource ?? false,
    measure: options.measure ?? false,
  })
  const startedAt = performance.now()
  const kind = services.kinds['download-quantize']
  const { resultModelId } = await kind.run(request, workContext(session)).catch(async (error: unknown) => {
    const { text, resumable } = await kind.saved(request)
    if (resumable) session.progress.note(`${text} Run the same command again to go on from there.`)
    throw error
  })
  const summary = await services.models.summary(resultModelId ?? '')
  const result = {
    out: summary.path,
    source: `${request.repo}@${request.commit}`,
    label: summary.quantization?.label ?? '',
    bitsPerWeight: summary.quantization?.bitsPerWeight ?? 0,
    fileBytes: summary.fileBytes,
    seconds: (performance.now() - startedAt) / 1000,
  }
  const text = fields([
    ['made', `${summary.name} in ${result.out}`],
    ['from', result.source],
    ['bits per weight', significant(result.bitsPerWeight)],
    ['files', formatDisk(result.fileBytes)],
    ['took', `${significant(result.seconds)} s`],
  ])
  return { text, json: snakeCase(result) }
}
