/** `quantize`: makes a quantized model folder. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { DeviceChoice } from '../contract/domain.ts'
import type { Choice, QuantSpec } from '../contract/quant.ts'
import { KEEP } from '../plan/choices.ts'
import { endsLabel } from '../plan/ends.ts'
import { formatDisk, formatMemory, significant } from '../plan/units.ts'
import { DEVICE_HELP, device } from './arguments.ts'
import { quantizeFromHub } from './hub-quantize.ts'
import { fields, snakeCase, UsageError } from './output.ts'
import { type QuantOptions, quantConfigOf, quantOptions } from './quant-options.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session, workContext } from './session.ts'

interface Options extends CommonOptions, QuantOptions {
  model?: string
  hub?: string
  revision: string
  keepSource?: boolean
  out: string
  resume: boolean
  force?: boolean
  measure?: boolean
  device?: DeviceChoice
  moments?: string
}

export function addQuantizeCommand(program: Command, host: CliHost): void {
  const command = program
    .command('quantize')
    .description('Quantize a model folder. Started again after a kill, it goes on from the last finished tensor.')
    .option('--model <model>', 'model folder, or id or name from the library')
    .option(
      '--hub <repo>',
      'owner/name on the Hub instead: quantized while it downloads, without a copy of the original',
    )
    .option('--revision <name>', 'with --hub: a branch, tag or commit', 'main')
    .option('--keep-source', 'with --hub: keep the original in the cache')
    .requiredOption('--out <folder>', 'folder for the result')
  quantOptions(command)
    .option('--device <device>', DEVICE_HELP, device)
    .option(
      '--moments <file>',
      'keep what self and self-compensated measure, for later runs on the same model and text',
    )
    .option('--resume', 'go on from an interrupted run with the same settings (the default)', true)
    .option('--no-resume', 'throw away what an interrupted run left')
    .option('--force', 'replace a model that is at --out already')
    .option('--measure', 'measure perplexity and speed of the result')
  common(command).action((options: Options) =>
    runInSession(host, options, (session) => {
      const { model, hub } = options
      if ((model === undefined) === (hub === undefined)) throw new UsageError('Give --model or --hub.')
      return hub === undefined ? quantize(session, options, model ?? '') : quantizeFromHub(session, { ...options, hub })
    }),
  )
}

async function quantize(session: Session, options: Options, model: string) {
  const { services } = session
  const config = await quantConfigOf(
    options,
    (id) => services.presets.list().presets.find((one) => one.id === id)?.config,
  )
  const source = await services.models.open(model)
  const request = await services.planner.complete({
    modelId: source.id,
    config,
    outDir: resolve(options.out),
    overwrite: options.force ?? false,
    resume: options.resume,
    measure: options.measure ?? false,
    ...(options.device === undefined ? {} : { device: options.device }),
    ...(options.moments === undefined ? {} : { momentsFile: resolve(options.moments) }),
  })
  const startedAt = performance.now()
  await services.kinds.quantize.run(request, workContext(session)).catch(async (error: unknown) => {
    const { text, resumable } = await services.kinds.quantize.saved(request)
    if (resumable) session.progress.note(`${text} Run the same command again to go on from there.`)
    throw error
  })
  const made = await services.models.open(request.outDir)
  const { summary, linears } = await services.models.detail(made.id)
  const { run, measurements } = await services.measurements.of(made.id)
  const original = await services.models.summary(source.id)
  const tensors = run?.tensors ?? []
  const meanRelativeError = tensors.reduce((sum, tensor) => sum + tensor.relativeError, 0) / Math.max(1, tensors.length)
  const bitsPerWeight = summary.quantization?.bitsPerWeight ?? 0
  const result = {
    out: request.outDir,
    label: summary.quantization?.label ?? '',
    seconds: (performance.now() - startedAt) / 1000,
    engineSeconds: run?.seconds ?? 0,
    peakBytes: run?.peakBytes ?? 0,
    fileBytes: summary.fileBytes,
    sourceBytes: original.fileBytes,
    bitsPerWeight,
    quantizedLayers: tensors.length,
    meanRelativeError,
    measurements: measurements.map(({ metric, value, unit, protocol }) => ({ metric, value, unit, protocol })),
    tensors,
  }
  const stored = linears.map(({ name, quantized }) => ({ name, choice: choiceOf(quantized) }))
  const ends = endsLabel(stored, summary.config?.tiedEmbeddings ?? false)
  const text = fields([
    ['saved to', result.out],
    ['layers', `${result.quantizedLayers} at ${result.label}, ${significant(bitsPerWeight)} bits per weight`],
    ...(ends === null ? [] : [['ends', ends] as const]),
    ['size', `${formatDisk(result.fileBytes)} (was ${formatDisk(result.sourceBytes)})`],
    ['mean error', `${(meanRelativeError * 100).toFixed(2)} % of the weights' mean size`],
    ['time', `${result.seconds.toFixed(1)} s, at most ${formatMemory(result.peakBytes)} of memory`],
    ...result.measurements.map(({ metric, value, unit }) => [metric, `${value.toPrecision(5)} ${unit}`] as const),
  ])
  return { text, json: snakeCase(result) }
}

function choiceOf(spec: QuantSpec | null): Choice {
  return spec === null ? KEEP : { kind: 'quantize', spec }
}
