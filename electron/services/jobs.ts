/**
 * Long work that outlives the page that started it: one job of each lane runs, others wait, each has a stored record. What runs when
 * the app ends is found as `interrupted` by the next start.
 */
import { randomUUID } from 'node:crypto'
import type { JobDetail, JobRecord, JobRequest } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { StreamContext } from '../rpc/server.ts'
import { createChanges, watchSnapshots } from './changes.ts'
import { createJobFeed, type JobEvent } from './job-feed.ts'
import { emptyProgress, isFinal, type JobKinds, type Lane, STALL_LIMIT_MS } from './job-kind.ts'
import type { JobRecords } from './job-records.ts'
import { kindOf, runJob, savedBy } from './job-runner.ts'
import { createStallWatch } from './stall-watch.ts'

export interface JobsDeps {
  kinds: JobKinds
  records: JobRecords
  now(): Date
  /** Hears when a job reached its final state. */
  onFinished?(record: JobRecord): void
}

export interface Jobs {
  start(job: JobRequest): Promise<JobRecord>
  list(): { jobs: JobRecord[] }
  watch(context: StreamContext<{ jobs: JobRecord[] }>): Promise<Record<string, never>>
  /** Snapshot, then pieces, until the job reaches a final state or the caller goes away. */
  follow(id: string, context: StreamContext<JobEvent>): Promise<JobRecord>
  cancel(id: string): Promise<JobRecord>
  /** Stops it for now: `retry` goes on. */
  pause(id: string): Promise<JobRecord>
  /** Lets a waiting job go before the others. */
  prioritize(id: string): Promise<JobRecord>
  retry(id: string): Promise<JobRecord>
  remove(id: string): Promise<void>
  /** Marks what an earlier run of the app left running. Called once, before anything is started. */
  recover(): Promise<void>
  /** Stops what runs and waits for it; it will be found as interrupted. */
  dispose(): Promise<void>
}

interface Running {
  id: string
  abort: AbortController
  pausing: boolean
  ended: Promise<void>
}

/** Progress of a running job changes the list of all jobs at most this often. */
const PROGRESS_NOTICE_MS = 100

export function createJobs({ kinds, records, now, onFinished }: JobsDeps): Jobs {
  const changes = createChanges()
  const feed = createJobFeed()
  const queue: string[] = []
  const running = new Map<Lane, Running>()
  let closing = false
  let noticedAt = 0

  function change(id: string, update: Partial<JobRecord>, { durable = true } = {}): JobRecord {
    const record = { ...records.get(id), ...update }
    records.put(record, { durable })
    feed.emit(id, { type: 'record', record })
    const at = now().getTime()
    if (durable || at - noticedAt >= PROGRESS_NOTICE_MS) {
      noticedAt = at
      changes.notify()
    }
    return record
  }

  function log(id: string, text: string): void {
    const line = { at: now().toISOString(), text }
    records.detail(id).log.push(line)
    feed.emit(id, { type: 'log', ...line })
  }

  const laneOf = (id: string): Lane => kindOf(kinds, records.get(id).job).lane
  const runningOf = (id: string) => [...running.values()].find((one) => one.id === id)

  /** Starts the first of the queue in every lane that is free. */
  function next(): void {
    if (closing) return
    const order = queue.toSorted((a, b) => records.get(b).priority - records.get(a).priority)
    for (const id of order) {
      const lane = laneOf(id)
      if (running.has(lane)) continue
      queue.splice(queue.indexOf(id), 1)
      const own: Running = { id, abort: new AbortController(), pausing: false, ended: Promise.resolve() }
      running.set(lane, own)
      own.ended = execute(id, lane, own)
    }
  }

  async function execute(id: string, lane: Lane, own: Running): Promise<void> {
    const record = change(id, { state: 'running', startedAt: now().toISOString(), progress: emptyProgress('check') })
    const detail = records.detail(id)
    detail.tensors.length = 0
    const watch = createStallWatch({
      limitMs: STALL_LIMIT_MS[record.job.kind],
      now: () => now().getTime(),
      onChange: (since) => change(id, { stalledSince: since === null ? null : new Date(since).toISOString() }),
    })
    const context = {
      signal: own.abort.signal,
      jobId: id,
      attempt: record.attempts,
      progress: (progress: JobRecord['progress']) => {
        watch.progress()
        change(id, { progress }, { durable: false })
      },
      tensor: (tensor: JobDetail['tensors'][number]) => {
        watch.progress()
        detail.tensors.push(tensor)
        feed.emit(id, { type: 'tensor', tensor })
      },
      log: (text: string) => log(id, text),
    }
    const outcome = await runJob(kinds, record, context, () => now().getTime())
    watch.stop()
    const stopped = outcome.state === 'cancelled'
    const left = outcome.state === 'done' ? { text: null, resumable: false } : await savedBy(kinds, record.job)
    if (outcome.error !== null) log(id, outcome.error.message)
    const finished = change(id, {
      state: stopped && own.pausing ? 'paused' : stopped && closing ? 'interrupted' : outcome.state,
      finishedAt: now().toISOString(),
      stalledSince: null,
      error: outcome.error?.toShape() ?? null,
      saved: left.text,
      resumable: left.resumable,
      resultModelId: outcome.resultModelId ?? record.resultModelId,
      ...(outcome.error?.code === 'engine-lost' ? deathOf(record) : {}),
    })
    // The work is done either way; a record that cannot be written is in memory until the next try.
    await records.flush(id).catch(() => {})
    running.delete(lane)
    onFinished?.(finished)
    feed.finish(id, finished)
    next()
  }

  /** Counts an engine death against this record, and marks it when the same input has killed an engine before. */
  function deathOf(record: JobRecord): Partial<JobRecord> {
    const key = inputKey(record)
    const before = records
      .list()
      .filter((other) => inputKey(other) === key)
      .reduce((sum, other) => sum + other.engineDeaths, 0)
    return { engineDeaths: record.engineDeaths + 1, suspect: before >= 1 }
  }

  function inputKey({ job }: JobRecord): string {
    return `${job.kind}:${kindOf(kinds, job).inputKey(job.request)}`
  }

  async function stop(id: string, state: 'cancelled' | 'paused'): Promise<JobRecord> {
    const record = records.get(id)
    // A job that is paused for now can still be given up for good.
    const ended = isFinal(record) && !(state === 'cancelled' && record.state === 'paused')
    if (ended || record.state === 'stopping') return record
    const own = runningOf(id)
    if (own !== undefined) {
      own.pausing = state === 'paused'
      own.abort.abort()
      return change(id, { state: 'stopping' })
    }
    if (queue.includes(id)) queue.splice(queue.indexOf(id), 1)
    const stopped = change(id, { state, finishedAt: now().toISOString() })
    await records.flush(id)
    feed.finish(id, stopped)
    return stopped
  }

  return {
    async start(job) {
      const id = randomUUID()
      const title = await kindOf(kinds, job).title(job.request)
      records.create({
        id,
        title,
        job,
        state: 'queued',
        createdAt: now().toISOString(),
        startedAt: null,
        finishedAt: null,
        progress: null,
        error: null,
        saved: null,
        resumable: false,
        resultModelId: null,
        suspect: false,
        engineDeaths: 0,
        stalledSince: null,
        attempts: 1,
        priority: 0,
      })
      try {
        await records.flush(id)
      } catch (error) {
        await records.remove(id).catch(() => {})
        throw error
      }
      queue.push(id)
      changes.notify()
      const record = records.get(id)
      next()
      return record
    },
    list: () => ({ jobs: records.list() }),
    watch: (context) => watchSnapshots(changes, () => ({ jobs: records.list() }), context),
    async follow(id, { signal, emit }) {
      await records.load(id)
      const record = records.get(id)
      emit({ type: 'snapshot', detail: { record, ...records.detail(id) } })
      return isFinal(record) ? record : feed.follow(id, emit, signal)
    },
    cancel: (id) => stop(id, 'cancelled'),
    pause: (id) => stop(id, 'paused'),
    async prioritize(id) {
      const record = records.get(id)
      if (record.state !== 'queued') return record
      const highest = Math.max(0, ...queue.map((other) => records.get(other).priority))
      const first = change(id, { priority: highest + 1 })
      await records.flush(id)
      return first
    },
    async retry(id) {
      const record = records.get(id)
      if (!isFinal(record)) throw new AppError('busy', `"${record.title}" has not ended yet. Cancel it first.`)
      await records.load(id)
      const queued = change(id, {
        state: 'queued',
        startedAt: null,
        finishedAt: null,
        progress: null,
        error: null,
        saved: null,
        resumable: false,
        priority: 0,
        attempts: record.attempts + 1,
      })
      queue.push(id)
      await records.flush(id)
      next()
      return queued
    },
    async remove(id) {
      const record = records.get(id)
      if (!isFinal(record)) throw new AppError('busy', `"${record.title}" has not ended yet. Cancel it first.`)
      if (record.state !== 'done') await kindOf(kinds, record.job).discard(record.job.request)
      await records.remove(id)
      changes.notify()
    },
    async recover() {
      for (const record of records.list().filter((listed) => !isFinal(listed))) {
        const started = record.state !== 'queued'
        const left = started ? await savedBy(kinds, record.job) : { text: null, resumable: false }
        change(record.id, {
          state: 'interrupted',
          finishedAt: now().toISOString(),
          stalledSince: null,
          error: null,
          saved: left.text ?? (started ? null : 'It had not started yet.'),
          resumable: left.resumable,
        })
        await records.flush(record.id)
      }
    },
    async dispose() {
      closing = true
      queue.length = 0
      for (const { abort } of running.values()) abort.abort()
      await Promise.all([...running.values()].map(({ ended }) => ended))
      await records.dispose()
    },
  }
}
