/** The phases of a job by name and in order, with the one under way. */
import type { JobRecord } from '../../../electron/contract/domain.ts'

export interface Phase {
  readonly name: string
  readonly label: string
  readonly state: 'done' | 'current' | 'ahead'
}

const LABELS: Readonly<Record<string, string>> = {
  check: 'Check',
  'write-text': 'Write text',
  measure: 'Measure',
  reference: 'Read as it is',
  candidates: 'Try each layer',
  quantize: 'Quantize',
  assemble: 'Write',
  write: 'Write',
  perplexity: 'Perplexity',
  speed: 'Speed',
  divergence: 'Divergence',
  list: 'List',
  download: 'Download',
  verify: 'Verify',
  prepare: 'Prepare',
  upload: 'Upload',
}

/** Known order for each kind of job; a phase that is not in it is put in when it is seen. */
function usualPhases({ job }: JobRecord): string[] {
  if (job.kind === 'evaluate')
    return ['perplexity', 'speed', 'divergence'].filter((name) => job.request.metrics.some((metric) => metric === name))
  if (job.kind === 'download') return ['list', 'download']
  if (job.kind === 'upload') return ['prepare', 'upload']
  if (job.kind === 'dequantize') return ['dequantize']
  if (job.kind === 'download-quantize')
    return ['list', 'download', 'write', ...(job.request.measure ? ['perplexity', 'speed'] : [])]
  if (job.kind === 'sensitivity') return ['write-text', 'measure', 'reference', 'candidates']
  return ['check', 'quantize', 'write', ...(job.request.measure ? ['perplexity', 'speed'] : [])]
}

/** Phases of `record`. A finished job has them all done; a stopped one shows how far it came. */
export function phasesOf(record: JobRecord): Phase[] {
  const current = record.progress ? canonical(record.progress.phase) : null
  const names = usualPhases(record)
  if (current && !names.includes(current)) names.push(current)
  const position = current === null ? -1 : names.indexOf(current)
  return names.map((name, index) => ({
    name,
    label: LABELS[name] ?? capitalised(name),
    state: record.state === 'done' || index < position ? 'done' : index === position ? 'current' : 'ahead',
  }))
}

/** The name of a phase in words. */
export function phaseLabel(name: string): string {
  return LABELS[name] ?? capitalised(name)
}

function canonical(name: string): string {
  return name === 'assemble' ? 'write' : name
}

function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
