/** `evaluate`: how often a model is right about a folder of pictures, and exactly how that was measured. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { DEFAULT_PROMPT_TEMPLATE } from '../contract/vision.ts'
import { measureAccuracy } from '../services/accuracy.ts'
import { createProgressReporter } from '../services/job-runner.ts'
import { fields, snakeCase, table } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'
import { template } from './vision-commands.ts'

interface Options extends CommonOptions {
  model: string
  images: string
  labels?: string
  template: string
}

/** Wrong answers that are printed for people. */
const SHOWN = 10

export function addEvaluateCommand(program: Command, host: CliHost): void {
  const command = program
    .command('evaluate')
    .description(
      'Accuracy on a folder of pictures: zero-shot labels (CLIP), or questions answered to the letter (LLaVA).',
    )
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .requiredOption('--images <folder>', 'folder of pictures')
    .option(
      '--labels <file>',
      'CSV with the columns file,label or file,question,answer, or JSON (default: each subfolder is a label)',
    )
    .option('--template <text>', 'sentence that labels are put into, at {}', template, DEFAULT_PROMPT_TEMPLATE)
  common(command).action((options: Options) => runInSession(host, options, (session) => evaluate(session, options)))
}

async function evaluate({ services, signal, progress }: Session, options: Options) {
  const model = await services.models.open(options.model)
  const report = createProgressReporter(progress.update, () => performance.now())
  const labels = options.labels === undefined ? null : resolve(options.labels)
  const request = { modelId: model.id, dir: resolve(options.images), labels, template: options.template, wait: true }
  const measured = await measureAccuracy(services.accuracy, request, {
    signal,
    onProgress: (done, total) => report({ phase: 'look', done, total, unit: 'pictures', detail: null }),
  })
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`
  const right = measured.results.filter(({ correct }) => correct).length
  const wrong = measured.results.filter(({ correct }) => !correct)
  const summary = fields([
    ['accuracy', `${percent(measured.top1)} (${right} of ${measured.total})`],
    ...(measured.top5 === null ? [] : [['top 5', percent(measured.top5)] as const]),
    [
      'protocol',
      Object.entries(measured.protocol)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    ],
    ['time', `${measured.seconds.toFixed(1)} s`],
  ])
  const rows = wrong
    .slice(0, SHOWN)
    .map(({ image, question, expected, answer }) => [image, question ?? '', expected, answer])
  const more = wrong.length > SHOWN ? `\n... and ${wrong.length - SHOWN} more` : ''
  const list = wrong.length === 0 ? '' : `\n\n${table(['wrong', 'question', 'expected', 'answer'], rows)}${more}`
  return { text: summary + list, json: snakeCase({ ...measured, model: model.path }) }
}
