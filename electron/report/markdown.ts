/** A report as Markdown that reads well unrendered, too. */
import type { Report, ReportSample, ReportTensor } from '../contract/report.ts'
import { choiceLabel } from '../plan/choices.ts'
import { formatDisk, formatMemory, significant } from '../plan/units.ts'
import { figuresOf } from './figures.ts'

export function reportToMarkdown(report: Report): string {
  const parts = [
    `# ${report.model.name}`,
    `Report of HQQ Studio ${report.versions.app}, ${report.at}.`,
    figures(report),
    howMade(report),
    tensors(report.tensors),
    samples(report.samples),
    place(report),
    commands(report),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function figures(report: Report): string {
  const { rows, notes } = figuresOf(report)
  const beside = report.original?.name
  const header = ['', ...(beside === undefined ? [] : [beside]), report.model.name, 'how']
  const cells = rows.map(({ label, original, model, note }) => [
    label,
    ...(beside === undefined ? [] : [original]),
    model,
    note === null ? '' : `(${note})`,
  ])
  return [
    '## Figures',
    '',
    'KL is KL(original || model) in nats over next-token distributions at temperature 1, or over the labels of pictures where the note says zero-shot. Figures of different protocols cannot be compared.',
    '',
    table(header, cells),
    '',
    ...notes.map((note, index) => `${index + 1}. ${note}`),
  ].join('\n')
}

function howMade({ made }: Report): string {
  if (made === null) return ''
  const weights = made.sourceWeights.map(
    ({ file, bytes, sha256 }) => `- ${file}, ${formatDisk(bytes)}${sha256 === null ? '' : `, SHA-256 ${sha256}`}`,
  )
  const loads = Object.entries(made.loadsIn).map(
    ([name, { ok, reason }]) => `- ${name}: ${ok ? 'yes' : 'no'}, ${reason}`,
  )
  return [
    '## How it was made',
    '',
    `From ${made.source} (config.json ${made.sourceConfigSha256}) by engine ${made.engineVersion}.`,
    '',
    ...weights,
    '',
    fenced('json', JSON.stringify(made.config, null, 2)),
    '',
    'Loads in:',
    '',
    ...loads,
  ].join('\n')
}

function tensors(all: readonly ReportTensor[]): string {
  const rows = all.map(({ name, shape, spec, dtype, bytes, bitsPerWeight, decidedBy, relativeError }) => [
    `\`${name}\``,
    shape.join(' × '),
    spec === null ? `kept (${dtype})` : choiceLabel({ kind: 'quantize', spec }),
    formatDisk(bytes),
    bitsPerWeight.toFixed(2),
    relativeError === null ? '' : `${significant(relativeError * 100)} %`,
    decidedBy ?? '',
  ])
  return [
    '## Tensors',
    '',
    table(['layer', 'shape', 'gets', 'size', 'bits/weight', 'relative error', 'decided by'], rows),
  ].join('\n')
}

function samples(all: readonly ReportSample[]): string {
  if (all.length === 0) return ''
  const parts = all.flatMap(({ prompt, answers }) => [
    fenced('', prompt.text),
    ...answers.flatMap((answer, index) => [
      `${index === 0 && answers.length > 1 ? 'Original' : 'This model'}${klWords(answer.summary)}:`,
      fenced('', answer.text),
    ]),
  ])
  return ['## Samples', 'Likeliest token each time.', ...parts].join('\n\n')
}

function klWords(summary: { meanKl: number; topAgreement: number } | null): string {
  if (summary === null) return ''
  return `, mean KL ${significant(summary.meanKl)} nats, same likeliest token ${significant(summary.topAgreement * 100)} %`
}

function place({ hardware, versions }: Report): string {
  const { cpu, cores, threads, simd, memoryBytes, gpus, system } = hardware
  const cards = gpus.map(({ name, memoryBytes: memory }) => `${name} with ${formatMemory(memory)}`)
  return [
    '## Where',
    '',
    `- ${cpu}, ${cores} cores, ${threads} threads, ${simd}, ${formatMemory(memoryBytes)} of memory`,
    ...cards.map((card) => `- ${card}`),
    `- ${system}, app ${versions.app}, engine ${versions.engine}, Node ${versions.node}`,
  ].join('\n')
}

function commands({ commands: all }: Report): string {
  return ['## To do it again', fenced('sh', all.join('\n'))].join('\n\n')
}

/** A fence longer than any in the text. */
function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text}\n${fence}`
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(header), `|${header.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ')
}
