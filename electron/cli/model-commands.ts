/** `inspect` and `models`: what is there. */
import type { Command } from 'commander'
import type { ModelSummary } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import { formatDisk, significant } from '../plan/units.ts'
import { fields, snakeCase, table } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

interface InspectOptions extends CommonOptions {
  model: string
  tensors?: boolean
}

export function addModelCommands(program: Command, host: CliHost): void {
  const inspectCommand = program
    .command('inspect')
    .description(
      'Say what a model folder holds: architecture, layers, sizes, how it is quantized, what is wrong with it.',
    )
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .option('--tensors', 'list every tensor instead of the linear layers')
  common(inspectCommand).action((options: InspectOptions) =>
    runInSession(host, options, (session) => inspect(session, options)),
  )
  const modelsCommand = program.command('models').description('List the models in the library.')
  common(modelsCommand).action((options: CommonOptions) => runInSession(host, options, models))
}

async function inspect({ services }: Session, options: InspectOptions) {
  const detail = await services.models.detail((await services.models.open(options.model)).id)
  const { summary, provenance, generation, chatTemplate, card, ...lists } = detail
  if (lists.tensors.length === 0 && summary.runProblem !== null) throw AppError.fromShape(summary.runProblem)
  const { config } = summary
  const head = fields([
    ['name', summary.name],
    ['folder', summary.path],
    [
      'architecture',
      config === null ? 'unknown' : `${config.architecture}, ${config.layers} blocks, hidden ${config.hiddenSize}`,
    ],
    ['parameters', `${significant(summary.parameters / 1e6)} M${expertWords(summary)}`],
    ['weights', `${summary.dtype}, ${formatDisk(summary.fileBytes)}`],
    ['context', config === null ? 'unknown' : `${config.contextLength} tokens`],
    [
      'tokenizer',
      summary.hasTokenizer ? (chatTemplate === null ? 'yes, no chat template' : 'yes, with a chat template') : 'none',
    ],
    ['runs', summary.runProblem?.message ?? 'yes'],
    ['can be quantized', summary.quantizeProblem?.message ?? 'yes'],
    ...(summary.note === null ? [] : ([['note', summary.note]] satisfies [string, string][])),
  ])
  const rows = options.tensors
    ? table(
        ['tensor', 'dtype', 'shape', 'bytes', 'file'],
        lists.tensors.map((one) => [one.name, one.dtype, one.shape.join('x'), String(one.bytes), one.file]),
      )
    : table(
        ['layer', 'stored as', 'shape', 'bytes'],
        lists.linears.map((one) => [one.name, layerLabel(one), one.shape.join('x'), String(one.sourceBytes)]),
      )
  const json = {
    ...asObject(snakeCase({ summary, ...lists })),
    chat_template: chatTemplate,
    generation,
    provenance,
    card,
  }
  return { text: `${head}\n\n${rows}`, json }
}

/** For mixtures of experts: what one token meets, and what one expert takes. */
function expertWords({ experts, config }: ModelSummary): string {
  if (experts === undefined || config?.experts === undefined) return ''
  const { count, perToken } = config.experts
  const active = `${significant(experts.activeParameters / 1e6)} M active`
  return `, ${active} (${perToken} of ${count} experts of ${formatDisk(experts.bytesEach)})`
}

function layerLabel({
  sourceDtype,
  quantized,
}: {
  sourceDtype: string
  quantized: { nbits: number; groupSize: number | null } | null
}): string {
  return quantized === null ? sourceDtype : `${quantized.nbits}-bit g${quantized.groupSize ?? 'none'}`
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

async function models({ services }: Session) {
  const { models: all } = await services.models.list()
  const rows = all.map((one) => [
    one.id,
    one.name,
    one.config?.architecture ?? 'unknown',
    `${significant(one.parameters / 1e6)} M`,
    one.dtype,
    formatDisk(one.fileBytes),
    one.runProblem === null ? 'ok' : one.runProblem.code,
  ])
  return {
    text: table(['id', 'name', 'architecture', 'parameters', 'weights', 'size', 'state'], rows),
    json: { models: snakeCase(all) },
  }
}
