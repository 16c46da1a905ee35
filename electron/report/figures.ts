/** The figures of a report side by side: those of the model, beside the original's under the same protocol where there are any. */
import type { Measurement } from '../contract/domain.ts'
import type { Report, ReportModel } from '../contract/report.ts'
import { totalMemory } from '../plan/memory.ts'
import { formatDisk, formatMemory, NO_BREAK_SPACE, significant } from '../plan/units.ts'

export interface Figure {
  label: string
  /** Empty where there is none to set beside it. */
  original: string
  model: string
  /** How it was measured: a number of the notes, from 1 on; null for what needs none. */
  note: number | null
}

export interface Figures {
  rows: Figure[]
  /** Each way of measuring once. */
  notes: string[]
}

type Metric = Measurement['metric']

const MEASURED: readonly { metric: Metric; label: string; format(value: number): string }[] = [
  { metric: 'perplexity', label: 'Perplexity', format: (value) => significant(value, 4) },
  { metric: 'accuracy', label: 'Accuracy, top-1', format: percent },
  { metric: 'accuracy-top5', label: 'Accuracy, top-5', format: percent },
  { metric: 'answer-accuracy', label: 'Questions answered to the letter', format: percent },
  { metric: 'mean-kl', label: 'Divergence from the original, mean KL', format: nats },
  { metric: 'p99-kl', label: 'Divergence, 99th percentile', format: nats },
  {
    metric: 'top-1-agreement',
    label: 'Same likeliest token (or label) as the original',
    format: (value) => percent(value * 100),
  },
  { metric: 'perplexity-ratio', label: 'Perplexity, times the original', format: (value) => `${value.toFixed(4)} ×` },
  { metric: 'decode-speed', label: 'Writing speed', format: speed },
  { metric: 'prefill-speed', label: 'Reading speed', format: speed },
]

export function figuresOf({ model, original, made }: Report): Figures {
  const notes: string[] = []
  const noteOf = (text: string): number => {
    if (!notes.includes(text)) notes.push(text)
    return notes.indexOf(text) + 1
  }
  const both = (label: string, of: (one: ReportModel) => string, note: number | null = null): Figure => ({
    label,
    original: original === null ? '' : of(original),
    model: of(model),
    note,
  })
  const single = (label: string, value: string): Figure => ({ label, original: '', model: value, note: null })
  const measuredOf = ({ memory }: ReportModel) =>
    memory.measured === null ? '–' : formatMemory(totalMemory(memory.measured))
  const rows = [
    both('Precision', ({ precision }) => precision),
    both('Bits per weight', ({ bitsPerWeight }) => (bitsPerWeight === null ? '–' : bitsPerWeight.toFixed(2))),
    both('Files', ({ fileBytes }) => formatDisk(fileBytes)),
    both(
      'Memory to run, predicted',
      ({ memory }) => formatMemory(totalMemory(memory.predicted)),
      noteOf(`context of ${model.memory.contextLength} tokens`),
    ),
    both('Memory to run, measured', measuredOf),
  ]
  for (const { metric, label, format } of MEASURED) {
    const own = newest(model.measurements, metric)
    if (own === null) continue
    const beside = original === null ? null : underSameProtocol(original.measurements, own)
    rows.push({
      label,
      original: beside === null ? '' : format(beside.value),
      model: format(own.value),
      note: noteOf(protocolWords(own)),
    })
  }
  if (made?.seconds != null) rows.push(single('Quantized in', duration(made.seconds)))
  if (made?.peakBytes != null) rows.push(single('Memory to quantize, peak', formatMemory(made.peakBytes)))
  return { rows, notes }
}

function newest(measurements: readonly Measurement[], metric: Metric): Measurement | null {
  const found = measurements.filter((one) => one.metric === metric)
  return found.reduce<Measurement | null>((latest, one) => (latest === null || one.at > latest.at ? one : latest), null)
}

function underSameProtocol(measurements: readonly Measurement[], own: Measurement): Measurement | null {
  return newest(
    measurements.filter(({ protocolKey }) => protocolKey === own.protocolKey),
    own.metric,
  )
}

/** Everything that was recorded about how a figure came to be, in one line. */
export function protocolWords({ protocol }: Pick<Measurement, 'protocol'>): string {
  return Object.entries(protocol)
    .filter(([, value]) => value !== null && (typeof value !== 'object' || Array.isArray(value)))
    .map(
      ([name, value]) => `${inWords(name)} ${Array.isArray(value) ? value.join('+') : shortened(name, String(value))}`,
    )
    .join(', ')
}

function inWords(name: string): string {
  return name
    .replace(/Sha256$/, ' SHA-256')
    .replace(
      /([a-z0-9])([A-Z])(?=[a-z])/g,
      (_, before: string, initial: string) => `${before} ${initial.toLowerCase()}`,
    )
}

function shortened(name: string, value: string): string {
  return name.endsWith('Sha256') ? `${value.slice(0, 16)}…` : value
}

function percent(value: number): string {
  return `${significant(value, 3)}${NO_BREAK_SPACE}%`
}

function nats(value: number): string {
  return `${significant(value, 3)}${NO_BREAK_SPACE}nats`
}

function speed(value: number): string {
  return `${significant(value, 3)}${NO_BREAK_SPACE}tok/s`
}

export function duration(seconds: number): string {
  if (seconds < 120) return `${significant(seconds, 3)}${NO_BREAK_SPACE}s`
  return `${Math.floor(seconds / 60)}${NO_BREAK_SPACE}min ${Math.round(seconds % 60)}${NO_BREAK_SPACE}s`
}
