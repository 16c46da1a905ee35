/** `sensitivity` and `optimize`: what each layer loses under each candidate, and a budget spent on what matters most. */
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import type { Choice, ComputeDtype, QuantConfig } from '../contract/quant.ts'
import type { SensitivityTable } from '../contract/sensitivity.ts'
import { type Budget, type BudgetResult, frontier, optimize, uniformPlans } from '../plan/budget.ts'
import { choiceLabel, mixLabel, specLabel } from '../plan/choices.ts'
import { configFromChoices } from '../plan/compact.ts'
import { type Calibration, calibrate, perplexityRatio } from '../plan/predict.ts'
import { decide } from '../plan/resolve.ts'
import { formatDisk, formatMemory, significant } from '../plan/units.ts'
import { writeAtomically } from '../storage/atomic-write.ts'
import { computeDtype, integer, rules } from './arguments.ts'
import { fields, snakeCase, table, UsageError } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session, workContext } from './session.ts'

interface MeasureOptions extends CommonOptions {
  model: string
  computeDtype: ComputeDtype
  seed: number
  text?: string
  tokens: number
  again?: boolean
}

interface OptimizeOptions extends MeasureOptions {
  budget: ParsedBudget
  context?: number
  pin?: QuantConfig['rules']
  out: string
}

/** Bytes count as the file, and as memory where a context is given. */
type ParsedBudget = { kind: 'bits' | 'bytes'; value: number }

export function addOptimizeCommands(program: Command, host: CliHost): void {
  const sensitivity = program
    .command('sensitivity')
    .description('Measure what each layer loses under each way to quantize it, on text that the model writes itself.')
  measureOptions(sensitivity).action((options: MeasureOptions) =>
    runInSession(host, options, (session) => showSensitivity(session, options)),
  )
  const optimizing = program
    .command('optimize')
    .description('Choose bits, group and metadata for each layer so that a budget is kept and the least is lost.')
    .requiredOption(
      '--budget <size>',
      '3.0bpw (bits per weight), or 2.5GB of file, or of memory with --context',
      budget,
    )
    .option('--context <n>', 'the budget is memory to run with this many tokens', integer(1))
    .option('--pin <pattern=spec>', "e.g. '*.v_proj=8:64' or '*.layers.0.*=keep'; repeatable, later ones win", rules)
    .requiredOption('--out <file>', 'JSON file for quantize --config')
  measureOptions(optimizing).action((options: OptimizeOptions) =>
    runInSession(host, options, (session) => optimizeModel(session, options)),
  )
}

function measureOptions(command: Command): Command {
  return common(
    command
      .requiredOption('--model <model>', 'model folder, or id or name from the library')
      .option('--compute-dtype <dtype>', 'of scales and zeros', computeDtype, 'float16')
      .option('--tokens <n>', 'of the text, whose predictions are compared for each layer', integer(64, 65536), 1024)
      .option('--seed <n>', 'of the text', integer(0, 2 ** 53 - 1), 0)
      .option('--text <file>', 'measure on this text instead')
      .option('--again', 'measure even if there is a table of this model already'),
  )
}

function budget(text: string): ParsedBudget {
  const match = /^(\d+(?:\.\d+)?)\s*(bpw|[kMGT]i?B|B)$/i.exec(text.trim())
  const [, number, unit = ''] = match ?? []
  if (number === undefined) throw new InvalidArgumentError('It is 3.0bpw or 2.5GB, say.')
  if (unit.toLowerCase() === 'bpw') return { kind: 'bits', value: Number(number) }
  const power = ['b', 'k', 'm', 'g', 't'].indexOf(unit.charAt(0).toLowerCase())
  return { kind: 'bytes', value: Number(number) * (unit.toLowerCase().includes('i') ? 1024 : 1000) ** power }
}

async function measured(session: Session, options: MeasureOptions): Promise<{ id: string; found: SensitivityTable }> {
  const { services } = session
  const { id } = await services.models.open(options.model)
  const text = options.text === undefined ? {} : { text: resolve(options.text) }
  const { computeDtype: dtype, seed, tokens } = options
  const request = { modelId: id, computeDtype: dtype, seed, tokens, ...text }
  const known = options.again ? null : await services.sensitivity.table(id)
  const same = known !== null && JSON.stringify(sorted(known.request)) === JSON.stringify(sorted(request))
  return { id, found: same ? known : await services.sensitivity.measure(request, workContext(session)) }
}

function sorted(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => a.localeCompare(b))
}

async function showSensitivity(session: Session, options: MeasureOptions) {
  const { found } = await measured(session, options)
  const rows = found.layers.map(({ name, divergence, probe, candidates }) => {
    const measuredAs = candidates[probe]
    return [
      name,
      measuredAs === undefined ? '' : specLabel({ ...measuredAs.spec, method: 'hqq' }),
      divergence.toExponential(2),
      measuredAs === undefined ? '' : measuredAs.weightedError.toExponential(2),
      measuredAs === undefined ? '' : `${(measuredAs.relativeError * 100).toFixed(1)} %`,
    ]
  })
  const note =
    `${found.tokens} tokens, ${found.layers.length} layers, ${found.layers[0]?.candidates.length ?? 0} candidates each, ` +
    `${found.seconds.toFixed(0)} s. Divergence in nats a token with only that layer quantized.`
  const text = [table(['layer', 'measured at', 'divergence', 'weighted error', 'relative error'], rows), '', note].join(
    '\n',
  )
  return { text, json: snakeCase(found) }
}

async function optimizeModel(session: Session, options: OptimizeOptions) {
  const { services } = session
  const { id, found } = await measured(session, options)
  const model = await services.models.detail(id)
  const situation = await services.planner.situation(options.context ?? services.settings.get().contextLength)
  const pinned = pinnedChoices(options.pin ?? [], model.linears)
  const problem = { model, table: found, computeDtype: options.computeDtype, situation, pinned }
  const best = optimize(problem, budgetOf(options))
  const calibration = calibrate(await services.sensitivity.runs(found))
  const config: QuantConfig = { ...configFromChoices(best.choices, options.computeDtype), ...textOf(found) }
  const out = resolve(options.out)
  await writeAtomically(out, `${JSON.stringify(config, null, 2)}\n`)

  const counts = new Map<string, number>()
  for (const { name } of found.layers) {
    const label = choiceLabel(withoutMethod(best.choices.get(name)))
    counts.set(label, (counts.get(label) ?? 0) + 1)
  }
  const mix = [...counts].sort((a, b) => b[1] - a[1]).map(([label, count]) => `${count} at ${label}`)
  const uniform = uniformPlans({ ...problem, pinned: new Map() }).filter(
    ({ result }) => result.bitsPerWeight <= best.bitsPerWeight + 0.005,
  )
  const rival = uniform.reduce<(typeof uniform)[number] | null>(
    (least, one) => (least === null || one.result.quality.divergence < least.result.quality.divergence ? one : least),
    null,
  )
  const text = fields([
    ['saved to', out],
    ['layers', mix.join(', ')],
    ['bits per weight', significant(best.bitsPerWeight)],
    ['file', formatDisk(best.fileBytes)],
    ['memory', `${formatMemory(best.memoryBytes)} at ${situation.contextLength} tokens`],
    ['predicted', words(best, calibration)],
    ...(rival === null ? [] : [['uniform', `${rival.label}: ${words(rival.result, calibration)}`] as const]),
    ['next', `quantize --model ${options.model} --config ${options.out} --out FOLDER`],
  ])
  const json = { ...summaryOf(best), mix: mixLabel(best.choices.values()), config, frontier: frontierOf(problem), out }
  return { text, json: snakeCase(json) }
}

function frontierOf(problem: Parameters<typeof frontier>[0]) {
  return frontier(problem, 'bits', 12).map(summaryOf)
}

function summaryOf({ bitsPerWeight, fileBytes, memoryBytes, quality: predicted }: BudgetResult) {
  return { bitsPerWeight, fileBytes, memoryBytes, predicted }
}

function words({ quality }: BudgetResult, calibration: Calibration): string {
  const more = (perplexityRatio(quality, calibration) - 1) * 100
  return `perplexity ${significant(more, 2)} % above the original (${significant(quality.divergence)} nats a token summed over layers)`
}

function budgetOf({ budget: { kind, value }, context }: OptimizeOptions): Budget {
  if (kind === 'bits') {
    if (context !== undefined) throw new UsageError('--context goes with a budget of memory, such as 2.5GB.')
    return { kind: 'bits', value }
  }
  return { kind: context === undefined ? 'file' : 'memory', value }
}

/** Layers that a pin names, with what it gives them. */
function pinnedChoices(pins: QuantConfig['rules'], linears: readonly { name: string }[]): Map<string, Choice> {
  const pinned = new Map<string, Choice>()
  for (const [name, { choice, decidedBy }] of decide(
    { base: { kind: 'keep' }, rules: pins, computeDtype: 'float16' },
    linears,
  )) {
    if (pins.some(({ pattern }) => pattern === decidedBy)) pinned.set(name, choice)
  }
  return pinned
}

function textOf({ request: { seed, text } }: SensitivityTable): Pick<QuantConfig, 'seed' | 'text'> {
  return { seed, ...(text === undefined ? {} : { text }) }
}

function withoutMethod(choice: Choice | undefined): Choice {
  if (choice === undefined || choice.kind === 'keep') return { kind: 'keep' }
  return { kind: 'quantize', spec: { ...choice.spec, method: 'hqq' } }
}
