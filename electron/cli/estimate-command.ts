/** `estimate`: what a quantization would give and cost, layer by layer, before anything is started. */
import type { Command } from 'commander'
import type { ResolvedTensor } from '../contract/quant.ts'
import { choiceLabel } from '../plan/choices.ts'
import { endsLabel } from '../plan/ends.ts'
import { expertTotals } from '../plan/experts.ts'
import { formatDisk, formatMemory, significant } from '../plan/units.ts'
import { integer } from './arguments.ts'
import { fields, snakeCase, table } from './output.ts'
import { type QuantOptions, quantConfigOf, quantOptions } from './quant-options.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

interface Options extends CommonOptions, QuantOptions {
  model: string
  contextLength?: number
}

export function addEstimateCommand(program: Command, host: CliHost): void {
  const command = program
    .command('estimate')
    .description('Show what each layer would get, the size of the result, and the memory to make and to run it.')
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .option('--context-length <n>', 'context the run memory is for (default: the setting)', integer(1))
  quantOptions(command)
  common(command).action((options: Options) => runInSession(host, options, (session) => estimate(session, options)))
}

async function estimate({ services }: Session, options: Options) {
  const config = await quantConfigOf(
    options,
    (id) => services.presets.list().presets.find((one) => one.id === id)?.config,
  )
  const model = await services.models.open(options.model)
  const contextLength = options.contextLength ?? services.settings.get().contextLength
  const priced = await services.planner.estimate(model.id, config, contextLength)
  const rows = priced.table.map((row) => [
    row.name,
    choiceLabel(row.choice),
    row.shape.join('x'),
    String(row.bytes),
    significant(row.bitsPerWeight),
    row.decidedBy,
  ])
  const { run } = priced
  const totals = fields([
    ['bits per weight', `${significant(priced.bitsPerWeight)} over the quantized layers`],
    ...partFields(priced.table, (await services.models.summary(model.id)).config?.tiedEmbeddings ?? false),
    ['file', formatDisk(priced.fileBytes)],
    [
      'memory to run',
      `${formatMemory(priced.runTotalBytes)} at ${contextLength} tokens: weights ${formatMemory(run.weights)}, metadata ${formatMemory(run.metadata)}, KV cache ${formatMemory(run.kvCache)}, scratch ${formatMemory(run.scratch)}, other ${formatMemory(run.other)}`,
    ],
    ['runs here', `${priced.runFit.verdict}: ${priced.runFit.reason}`],
    ['memory to quantize', `${priced.quantizeFit.verdict}: ${priced.quantizeFit.reason}`],
  ])
  const warnings = priced.warnings.map((warning) => `Note: ${warning}`)
  const text = [table(['tensor', 'gets', 'shape', 'bytes', 'bits', 'decided by'], rows), '', totals, ...warnings].join(
    '\n',
  )
  return { text, json: snakeCase(priced) }
}

/** What embeddings and head get, and what one expert of a mixture takes. */
function partFields(table: readonly ResolvedTensor[], tied: boolean): (readonly [string, string])[] {
  const ends = endsLabel(table, tied)
  const experts = expertTotals(table)
  return [
    ...(ends === null ? [] : [['ends', ends] as const]),
    ...(experts === null
      ? []
      : [['experts', `${experts.count} of ${formatMemory(experts.bytes / experts.count)}`] as const]),
  ]
}
