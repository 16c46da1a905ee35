/** `perplexity`: measures a model on a text file, and says exactly how. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { DeviceChoice, TextSource } from '../contract/domain.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import { readEvaluationText } from '../services/evaluation-text.ts'
import { createProgressReporter } from '../services/job-runner.ts'
import { measurePerplexity } from '../services/perplexity.ts'
import { computeDtype, DEVICE_HELP, dataset, device, integer } from './arguments.ts'
import { fields, snakeCase, UsageError } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

interface Options extends CommonOptions {
  model: string
  text?: string
  dataset?: TextSource
  protocol: string
  window: number
  stride?: number
  maxTokens?: number
  computeDtype: ComputeDtype
  device?: DeviceChoice
}

export function addPerplexityCommand(program: Command, host: CliHost): void {
  const command = program
    .command('perplexity')
    .description(
      'Measure perplexity. Protocols: "windows" cuts the text into windows of N; "hqq" slides them, as the reference does.',
    )
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .option('--text <file>', 'text file (default: the evaluation text that ships with the app)')
    .option(
      '--dataset <name>',
      'wikitext2, or owner/name[:config[:split[:column]]] on the Hub, instead of --text',
      dataset,
    )
    .option('--protocol <name>', 'windows or hqq', 'windows')
    .option('--window <n>', 'tokens in a window', integer(2), 512)
    .option('--stride <n>', 'new tokens in each window of the hqq protocol (default: half the window)', integer(1))
    .option('--max-tokens <n>', 'look at the first n tokens of the text', integer(2))
    .option('--compute-dtype <dtype>', 'in which quantized weights are reconstructed', computeDtype, 'float32')
    .option('--device <device>', DEVICE_HELP, device)
  common(command).action((options: Options) => runInSession(host, options, (session) => perplexity(session, options)))
}

async function perplexity({ services, signal, progress }: Session, options: Options) {
  const { protocol } = options
  if (protocol !== 'windows' && protocol !== 'hqq') throw new UsageError('--protocol is windows or hqq.')
  const model = await services.models.open(options.model)
  if (options.text !== undefined && options.dataset !== undefined)
    throw new UsageError('Give --text or --dataset, not both.')
  const file =
    options.text === undefined ? { kind: 'bundled' as const } : { kind: 'file' as const, path: resolve(options.text) }
  const request = {
    dir: model.path,
    name: model.name,
    text: await readEvaluationText(options.dataset ?? file, services.bundledText, (part) =>
      services.hub.readDataset(part, { signal }),
    ),
    protocol,
    window: options.window,
    stride: options.stride ?? Math.max(1, Math.floor(options.window / 2)),
    maxTokens: options.maxTokens ?? null,
    computeDtype: options.computeDtype,
    device: options.device ?? services.settings.get().device,
  } as const
  const report = createProgressReporter(progress.update, () => performance.now())
  const { protocol: record, ...measured } = await measurePerplexity(services.perplexity, request, signal, (event) =>
    report({
      phase: 'perplexity',
      done: event.done,
      total: event.total,
      unit: 'windows',
      detail: event.perplexity === null ? null : `${event.perplexity.toFixed(3)} so far`,
    }),
  )
  const text = fields([
    ['perplexity', measured.perplexity.toFixed(4)],
    ['over', `${measured.tokens} tokens in ${measured.windows} windows`],
    [
      'protocol',
      `${record.protocol}, window ${record.window}${record.stride === null ? '' : `, stride ${record.stride}`}`,
    ],
    ['text', `${record.text} (sha256 ${record.textSha256.slice(0, 12)}...)`],
    [
      'arithmetic',
      `${record.computeDtype} on ${record.device}${record.device === 'cpu' ? ` (${record.simd}, ${record.threads} threads)` : ''}`,
    ],
    ['time', `${measured.seconds.toFixed(1)} s`],
  ])
  return { text, json: snakeCase({ ...measured, ...record, model: model.path }) }
}
