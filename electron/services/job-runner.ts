/** Runs one job: turns what the work tells into progress with rate and remaining time, and its end into a state. */
import type { JobProgress, JobRecord, JobRequest } from '../contract/domain.ts'
import { type AppError, toAppError } from '../contract/errors.ts'
import type { JobContext, JobKind, JobKinds, Saved, WorkProgress } from './job-kind.ts'
import { createMeter, type Meter } from './progress-meter.ts'

export interface Outcome {
  state: 'done' | 'failed' | 'cancelled' | 'interrupted'
  error: AppError | null
  resultModelId: string | null
}

/** The kind of a request, with the request's type forgotten on both sides alike. */
export function kindOf(kinds: JobKinds, job: JobRequest): JobKind<JobRequest['request']> {
  // `kinds[job.kind]` takes `job.request` by construction of both unions; the compiler cannot follow the pair.
  return kinds[job.kind] as JobKind<JobRequest['request']>
}

export async function runJob(
  kinds: JobKinds,
  record: JobRecord,
  context: Omit<JobContext, 'progress'> & { progress(progress: JobProgress): void },
  now: () => number,
): Promise<Outcome> {
  const progress = createProgressReporter(context.progress, now)
  try {
    const { resultModelId } = await kindOf(kinds, record.job).run(record.job.request, { ...context, progress })
    return { state: 'done', error: null, resultModelId }
  } catch (thrown) {
    const error = toAppError(thrown)
    if (context.signal.aborted || error.code === 'cancelled')
      return { state: 'cancelled', error: null, resultModelId: null }
    // Work that died with the engine is not wrong in itself and may go on later.
    const state = error.code === 'engine-lost' ? 'interrupted' : 'failed'
    return { state, error, resultModelId: null }
  }
}

/** What an unfinished job left behind; a folder that cannot be looked at counts as nothing. */
export async function savedBy(kinds: JobKinds, job: JobRequest): Promise<Saved> {
  return kindOf(kinds, job)
    .saved(job.request)
    .catch(() => ({ text: null, resumable: false }))
}

/** Adds rate and remaining time to what work tells. `now` in milliseconds. */
export function createProgressReporter(
  report: (progress: JobProgress) => void,
  now: () => number,
): (work: WorkProgress) => void {
  let phase = ''
  let meter: Meter = createMeter(now)
  return ({ phase: name, done, total, unit, bytes, detail, checkpoint }) => {
    if (name !== phase) {
      phase = name
      meter = createMeter(now)
    }
    const measured = bytes === undefined ? meter.update(done, total) : meter.update(bytes.done, bytes.total)
    report({
      phase: name,
      done,
      total,
      unit,
      rate: bytes === undefined ? measured.rate : null,
      bytesPerSecond: bytes === undefined ? null : measured.rate,
      etaSeconds: measured.etaSeconds,
      detail: detail ?? null,
      checkpoint: checkpoint ?? null,
    })
  }
}
