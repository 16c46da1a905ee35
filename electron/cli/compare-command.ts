/** `compare`: how far versions of a model are from the first of them on a text, token by token in the end. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { DeviceChoice, TextSource } from '../contract/domain.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import { significant } from '../plan/units.ts'
import { type MeasuredDivergence, measureDivergence } from '../services/divergence.ts'
import { readEvaluationText } from '../services/evaluation-text.ts'
import { createProgressReporter } from '../services/job-runner.ts'
import { computeDtype, DEVICE_HELP, dataset, device, integer, list } from './arguments.ts'
import { fields, snakeCase, table, UsageError } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

interface Options extends CommonOptions {
  model: string[]
  text?: string
  dataset?: TextSource
  window: number
  maxTokens?: number
  computeDtype: ComputeDtype
  device?: DeviceChoice
  tokens?: boolean
}

export function addCompareCommand(program: Command, host: CliHost): void {
  const command = program
    .command('compare')
    .description(
      'Compare versions with the first of them on a text: Kullback-Leibler divergence in nats, agreement, perplexity.',
    )
    .requiredOption('--model <model>', 'folder, id or name; the first is the reference, repeat for the others', list)
    .option('--text <file>', 'text file (default: the evaluation text that ships with the app)')
    .option(
      '--dataset <name>',
      'wikitext2, or owner/name[:config[:split[:column]]] on the Hub, instead of --text',
      dataset,
    )
    .option('--window <n>', 'tokens in a window; windows do not overlap', integer(2), 512)
    .option('--max-tokens <n>', 'look at the first n tokens of the text', integer(2))
    .option('--compute-dtype <dtype>', 'in which quantized weights are reconstructed', computeDtype, 'float32')
    .option('--device <device>', DEVICE_HELP, device)
    .option('--tokens', 'with --json: the divergence at each token too')
  common(command).action((options: Options) => runInSession(host, options, (session) => compare(session, options)))
}

async function compare({ services, signal, progress }: Session, options: Options) {
  if (options.model.length < 2) throw new UsageError('Give --model twice at least: the reference first, then others.')
  if (options.text !== undefined && options.dataset !== undefined)
    throw new UsageError('Give --text or --dataset, not both.')
  const entries = []
  for (const reference of options.model) entries.push(await services.models.open(reference))
  if (new Set(entries.map(({ id }) => id)).size < entries.length)
    throw new UsageError('A model cannot be compared with itself.')
  const file =
    options.text === undefined ? { kind: 'bundled' as const } : { kind: 'file' as const, path: resolve(options.text) }
  const text = await readEvaluationText(options.dataset ?? file, services.bundledText, (part) =>
    services.hub.readDataset(part, { signal }),
  )
  const report = createProgressReporter(progress.update, () => performance.now())
  const request = {
    ...{ modelIds: entries.map(({ id }) => id), text, window: options.window, wait: true },
    maxTokens: options.maxTokens ?? null,
    computeDtype: options.computeDtype,
    device: options.device ?? services.settings.get().device,
  }
  const measured = await measureDivergence(services.differences, request, signal, ({ phase, done, total }) => {
    if (phase === 'compare') report({ phase: 'compare', done, total, unit: 'tokens' })
  })
  const [reference, ...others] = entries
  const nameOf = (id: string) => others.find((entry) => entry.id === id)?.name ?? id
  const pathOf = (id: string) => others.find((entry) => entry.id === id)?.path ?? id
  const versions = measured.versions.map(({ modelId, summary, divergence }) => ({
    model: pathOf(modelId),
    ...summary,
    ...(options.tokens ? { tokenKl: divergence.kl, tokenPosition: divergence.position } : {}),
  }))
  const { protocol, seconds, engineVersion } = measured
  return {
    text: inWords(measured, reference?.name ?? '', nameOf),
    json: snakeCase({ reference: reference?.path, versions, protocol, seconds, engineVersion }),
  }
}

function inWords(
  { versions, protocol, seconds }: MeasuredDivergence,
  reference: string,
  nameOf: (id: string) => string,
) {
  const rows = versions.map(({ modelId, summary }) => [
    nameOf(modelId),
    significant(summary.meanKl),
    significant(summary.p99Kl),
    `${(summary.topAgreement * 100).toFixed(1)} %`,
    summary.perplexity.toFixed(3),
    summary.perplexityRatio.toFixed(4),
  ])
  const head = ['version', 'mean KL', '99 % KL', 'same top token', 'perplexity', 'ratio']
  const summary = versions[0]?.summary
  return [
    table(head, rows),
    '',
    fields([
      ['reference', `${reference}, perplexity ${summary?.referencePerplexity.toFixed(3)}`],
      ['divergence', 'KL(reference || version) in nats, next-token distributions at temperature 1'],
      ['over', `${summary?.tokens} tokens in ${summary?.windows} windows of ${protocol.window}`],
      ['text', `${protocol.text} (sha256 ${protocol.textSha256.slice(0, 12)}...)`],
      ['arithmetic', `${protocol.computeDtype} on ${protocol.device}`],
      ['loaded', protocol.loaded],
      ['time', `${seconds.toFixed(1)} s`],
    ]),
  ].join('\n')
}
