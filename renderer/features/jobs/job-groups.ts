/** Jobs as the list shows them, and the words for their states. */
import type { JobRecord, JobState } from '../../../electron/contract/domain.ts'

export interface JobGroup {
  readonly title: 'Running' | 'Waiting' | 'History'
  readonly jobs: readonly JobRecord[]
}

const GROUP_OF: Record<JobState, JobGroup['title']> = {
  running: 'Running',
  stopping: 'Running',
  queued: 'Waiting',
  paused: 'Waiting',
  done: 'History',
  failed: 'History',
  cancelled: 'History',
  interrupted: 'History',
}

/** Groups that have jobs: what runs, what waits (next first), what is over (latest first). */
export function groupJobs(jobs: readonly JobRecord[]): JobGroup[] {
  const titles = ['Running', 'Waiting', 'History'] as const
  return titles
    .map((title) => {
      const members = jobs.filter(({ state }) => GROUP_OF[state] === title)
      const sign = title === 'History' ? -1 : 1
      const order = (a: JobRecord, b: JobRecord) =>
        (title === 'Waiting' ? b.priority - a.priority : 0) || sign * timeOf(a).localeCompare(timeOf(b))
      return { title, jobs: members.toSorted(order) }
    })
    .filter(({ jobs: members }) => members.length > 0)
}

/** When the job last changed its state, as ISO text. */
export function timeOf(job: JobRecord): string {
  return job.finishedAt ?? job.startedAt ?? job.createdAt
}

export interface StateWords {
  readonly label: string
  readonly tone: 'neutral' | 'accent' | 'ok' | 'warn' | 'danger' | 'outline'
}

const STATE_WORDS: Record<JobState, StateWords> = {
  queued: { label: 'Waiting', tone: 'outline' },
  running: { label: 'Running', tone: 'accent' },
  stopping: { label: 'Stopping', tone: 'warn' },
  done: { label: 'Done', tone: 'ok' },
  failed: { label: 'Failed', tone: 'danger' },
  cancelled: { label: 'Stopped', tone: 'neutral' },
  interrupted: { label: 'Interrupted', tone: 'warn' },
  paused: { label: 'Paused', tone: 'outline' },
}

export function stateWords(state: JobState): StateWords {
  return STATE_WORDS[state]
}

/** True while the job may still change by itself. */
export function isActive({ state }: JobRecord): boolean {
  return state === 'queued' || state === 'running' || state === 'stopping'
}

/** What goes over the network can wait without losing anything. */
export function canPause(job: JobRecord): boolean {
  return isActive(job) && ['download', 'download-quantize', 'upload'].includes(job.job.kind)
}

/** What a press on the one way forward does: nothing for a job that is active or done. */
export function nextAction(job: JobRecord): 'Resume' | 'Run again' | null {
  if (isActive(job) || job.state === 'done') return null
  return job.resumable || job.state === 'paused' ? 'Resume' : 'Run again'
}

/** What a stop now would keep, in a sentence. */
export function keptByStop(job: JobRecord): string {
  const checkpoint = job.progress?.checkpoint
  if (job.state === 'queued')
    return 'It has not started, so there is nothing to keep. It can be run again from the history.'
  if (checkpoint) return `Kept: ${checkpoint}. Resume goes on from there.`
  if (job.job.kind === 'evaluate')
    return 'Measurements that are finished stay. The one under way starts over when it is run again.'
  if (job.job.kind === 'download' || job.job.kind === 'upload')
    return 'What has arrived stays. Resume goes on from there.'
  return 'Nothing is finished yet, so nothing is kept. It can be run again from the start.'
}

/** Seconds the job has run, or ran; null before it starts. `now` in milliseconds. */
export function elapsedSeconds(job: JobRecord, now: number): number | null {
  if (!job.startedAt) return null
  const end = job.finishedAt ? Date.parse(job.finishedAt) : now
  return Math.max(0, (end - Date.parse(job.startedAt)) / 1000)
}
