/** Jobs in words: phases, states, what is done and what a stop would keep. */
import type { JobProgress, JobRecord, JobState } from '../../../electron/contract/domain.ts'
import { formatBandwidth, formatCount, formatDuration, significant } from '../../ui/format.ts'

const PHASE_WORDS: Readonly<Record<string, string>> = {
  check: 'Check',
  'write-text': 'Write text',
  quantize: 'Quantize',
  assemble: 'Write',
  write: 'Write',
  load: 'Load',
  measure: 'Measure',
  perplexity: 'Perplexity',
  speed: 'Speed',
}

export function phaseWord(phase: string): string {
  return PHASE_WORDS[phase] ?? phase.charAt(0).toUpperCase() + phase.slice(1)
}

export const STATE_WORDS: Readonly<Record<JobState, string>> = {
  queued: 'Waiting',
  running: 'Running',
  stopping: 'Stopping',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Stopped',
  interrupted: 'Interrupted',
  paused: 'Paused',
}

export function isActive(record: JobRecord): boolean {
  return record.state === 'queued' || record.state === 'running' || record.state === 'stopping'
}

/** "34 of 56 tensors · 1.20 GB/s · 12 s left"; parts that are not known are left out. */
export function progressWords(progress: JobProgress): string {
  const parts = [
    progress.unit === 'bytes' ? '' : `${formatCount(progress.done)} of ${formatCount(progress.total)} ${progress.unit}`,
    progress.bytesPerSecond === null ? '' : formatBandwidth(progress.bytesPerSecond),
    progress.bytesPerSecond !== null || progress.rate === null
      ? ''
      : `${significant(progress.rate)} ${progress.unit}/s`,
    progress.etaSeconds === null ? '' : `${formatDuration(progress.etaSeconds)} left`,
  ]
  return parts.filter((part) => part !== '').join(' · ')
}

/** 0 to 1; null when there is no end in sight. */
export function progressShare(progress: JobProgress | null): number | null {
  return progress === null || progress.total === 0 ? null : progress.done / progress.total
}

export function secondsOf(record: JobRecord): number | null {
  if (record.startedAt === null || record.finishedAt === null) return null
  return (Date.parse(record.finishedAt) - Date.parse(record.startedAt)) / 1000
}
