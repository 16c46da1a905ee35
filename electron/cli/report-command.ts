/** `report`: everything about a model in one file, measured where figures are missing. */
import { extname, resolve } from 'node:path'
import type { Command } from 'commander'
import type { TextSource } from '../contract/domain.ts'
import { type ReportFormat, reportFormatSchema } from '../contract/report.ts'
import { renderReport } from '../report/render.ts'
import { REPORT_MEASURING } from '../services/reports.ts'
import { writeAtomically } from '../storage/atomic-write.ts'
import { dataset, integer, list } from './arguments.ts'
import { fields, UsageError } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session, workContext } from './session.ts'

interface Options extends CommonOptions {
  model: string
  original?: string
  out?: string
  text?: string
  dataset?: TextSource
  window: number
  maxTokens: number
  measure: 'missing' | 'all' | 'none'
  prompt?: string[]
}

export function addReportCommand(program: Command, host: CliHost): void {
  const command = program
    .command('report')
    .description(
      'One file about a model: each tensor, memory, time, perplexity, divergence from its original, samples, hardware and the commands that repeat it.',
    )
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .option('--original <model>', 'what it is compared with (default: what it was made from, when that is there)')
    .option('--out <file>', 'NAME.html, NAME.md or NAME.json; without it the report goes to stdout with --json')
    .option('--text <file>', 'text to measure on (default: the evaluation text that ships with the app)')
    .option('--dataset <name>', 'wikitext2, or owner/name[:config[:split[:column]]] on the Hub', dataset)
    .option('--window <n>', 'tokens in a window', integer(2), REPORT_MEASURING.window)
    .option(
      '--max-tokens <n>',
      'look at the first n tokens of the text',
      integer(2),
      REPORT_MEASURING.maxTokens ?? undefined,
    )
    .option('--measure <what>', 'missing: what has no figure yet; all: everything again; none', 'missing')
    .option('--prompt <text>', 'text to go on with as a sample; repeatable (default: two of our own)', list)
  common(command).action((options: Options) => runInSession(host, options, (session) => report(session, options)))
}

async function report(session: Session, options: Options) {
  const { services } = session
  const { measure, out } = options
  if (!['missing', 'all', 'none'].includes(measure)) throw new UsageError('--measure is missing, all or none.')
  if (out === undefined && !session.json) throw new UsageError('Give --out FILE.html, .md or .json, or --json.')
  if (options.text !== undefined && options.dataset !== undefined)
    throw new UsageError('Give --text or --dataset, not both.')
  const format = out === undefined ? 'json' : formatOf(out)
  const { id: modelId } = await services.models.open(options.model)
  const original = options.original === undefined ? undefined : await services.models.open(options.original)
  const file =
    options.text === undefined ? REPORT_MEASURING.text : { kind: 'file' as const, path: resolve(options.text) }
  const made = await services.reports.make(
    {
      ...{ modelId, measure },
      ...(original === undefined ? {} : { originalId: original.id }),
      ...(options.prompt === undefined ? {} : { prompts: options.prompt.map((text) => ({ kind: 'text', text })) }),
    },
    workContext(session),
    { text: options.dataset ?? file, window: options.window, maxTokens: options.maxTokens },
  )
  if (out === undefined) return { text: '', json: made }
  const path = resolve(out)
  await writeAtomically(path, renderReport(made, format))
  return {
    text: fields([
      ['saved to', path],
      ['about', made.original === null ? made.model.name : `${made.model.name}, beside ${made.original.name}`],
    ]),
    json: { out: path, format, report: made },
  }
}

function formatOf(path: string): ReportFormat {
  const parsed = reportFormatSchema.safeParse(extname(path).slice(1).toLowerCase())
  if (!parsed.success) throw new UsageError('--out ends in .html, .md or .json.')
  return parsed.data
}
