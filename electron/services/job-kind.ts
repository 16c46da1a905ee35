/** What a kind of long work supplies. The job service runs it, keeps its record and knows nothing of what it does. */
import type { JobProgress, JobRecord, JobRequest, TensorResult } from '../contract/domain.ts'

export type JobKindName = JobRequest['kind']
export type RequestOf<K extends JobKindName> = Extract<JobRequest, { kind: K }>['request']

/** Progress as the work tells it; rate and remaining time are added from it. */
export interface WorkProgress {
  phase: string
  done: number
  total: number
  unit: string
  /** Finer than `done`, for rate and remaining time. */
  bytes?: { done: number; total: number }
  detail?: string | null
  checkpoint?: string | null
}

export interface JobContext {
  signal: AbortSignal
  jobId: string
  /** 1 on the first run; more when it was retried. */
  attempt: number
  progress(progress: WorkProgress): void
  tensor(tensor: TensorResult): void
  log(text: string): void
}

/** What an unfinished job left behind. */
export interface Saved {
  text: string | null
  resumable: boolean
}

/** What jobs queue for. Those of one lane run one after the other; downloads do not wait for the engine, nor it for them. */
export type Lane = 'engine' | 'network'

/** Without any progress for this long a job counts as stalled. One window of a large model on a slow machine takes minutes. */
export const STALL_LIMIT_MS: Readonly<Record<JobKindName, number>> = {
  quantize: 5 * 60_000,
  'download-quantize': 5 * 60_000,
  evaluate: 10 * 60_000,
  download: 2 * 60_000,
  upload: 5 * 60_000,
  dequantize: 5 * 60_000,
  sensitivity: 10 * 60_000,
}

export interface JobKind<R> {
  lane: Lane
  title(request: R): Promise<string>
  /** Equal for requests that would do the same work on the same input: a second engine death on one makes it suspect. */
  inputKey(request: R): string
  run(request: R, context: JobContext): Promise<{ resultModelId: string | null }>
  saved(request: R): Promise<Saved>
  /** Deletes what an unfinished job left behind. */
  discard(request: R): Promise<void>
}

export type JobKinds = { [K in JobKindName]: JobKind<RequestOf<K>> }

/** Those in which nothing happens until a person does something. */
export const FINAL_STATES: readonly JobRecord['state'][] = ['done', 'failed', 'cancelled', 'interrupted', 'paused']

export function isFinal(record: JobRecord): boolean {
  return FINAL_STATES.includes(record.state)
}

export function emptyProgress(phase: string): JobProgress {
  return {
    phase,
    done: 0,
    total: 0,
    unit: '',
    rate: null,
    bytesPerSecond: null,
    etaSeconds: null,
    detail: null,
    checkpoint: null,
  }
}
