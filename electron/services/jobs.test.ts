import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EvaluateRequest, JobRecord, JobRequest } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import { openJsonStore } from '../storage/json-store.ts'
import type { JobEvent } from './job-feed.ts'
import { type JobContext, type JobKind, type Lane, STALL_LIMIT_MS } from './job-kind.ts'
import { createJobRecords, jobListSchema } from './job-records.ts'
import { createJobs, type Jobs } from './jobs.ts'

let dir = ''
let started: Jobs[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hqq-jobs-'))
  started = []
})
afterEach(async () => {
  for (const jobs of started) await jobs.dispose()
  rmSync(dir, { recursive: true, force: true })
})

type Work = (context: JobContext) => Promise<void>

/** A kind whose work the test supplies, by model id. */
function kindOf(work: Record<string, Work>, lane: Lane = 'engine'): JobKind<EvaluateRequest> & JobKind<never> {
  return {
    lane,
    title: async ({ modelId }: EvaluateRequest) => `Work on ${modelId}`,
    inputKey: ({ modelId }: EvaluateRequest) => modelId,
    async run({ modelId }: EvaluateRequest, context: JobContext) {
      await work[modelId]?.(context)
      return { resultModelId: modelId }
    },
    saved: async ({ modelId }: EvaluateRequest) => ({ text: `Part of ${modelId} is kept.`, resumable: true }),
    discard: async () => {},
  }
}

async function open(work: Record<string, Work>): Promise<Jobs> {
  const store = await openJsonStore({ path: join(dir, 'jobs.json'), schema: jobListSchema, fallback: () => [] })
  const kind = kindOf(work)
  const network = kindOf(work, 'network')
  const records = createJobRecords({ store, dir: join(dir, 'jobs') })
  const jobs = createJobs({
    kinds: {
      quantize: kind,
      evaluate: kind,
      download: network,
      'download-quantize': network,
      upload: network,
      dequantize: kind,
      sensitivity: kind,
    },
    records,
    now: () => new Date(),
  })
  await jobs.recover()
  started.push(jobs)
  return jobs
}

function request(modelId: string): JobRequest {
  const text = { kind: 'bundled' as const }
  return {
    kind: 'evaluate',
    request: { modelId, metrics: ['speed'], text, protocol: 'windows', window: 2, stride: 1, maxTokens: null },
  }
}

const idle = new AbortController().signal
const until = (jobs: Jobs, id: string, events: JobEvent[] = []): Promise<JobRecord> =>
  jobs.follow(id, { signal: idle, emit: (event) => events.push(event) })

/** Work that ends when it is cancelled, as everything that runs must. */
const endless: Work = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new AppError('cancelled', 'cancelled'))))

describe('jobs', () => {
  it('are stalled after the limit of their kind without progress, until they move or end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: 1_000_000 })
    try {
      let move = (): void => {}
      const jobs = await open({
        a: (context) => {
          move = () => context.progress({ phase: 'work', done: 1, total: 2, unit: 'steps' })
          return endless(context)
        },
      })
      const { id } = await jobs.start(request('a'))
      const stalledSince = () => jobs.list().jobs[0]?.stalledSince
      const begun = new Date().toISOString()
      vi.advanceTimersByTime(STALL_LIMIT_MS.evaluate - 1)
      expect(stalledSince()).toBeNull()
      vi.advanceTimersByTime(1)
      expect(stalledSince()).toBe(begun)
      move()
      expect(stalledSince()).toBeNull()
      vi.advanceTimersByTime(STALL_LIMIT_MS.evaluate)
      expect(stalledSince()).not.toBeNull()
      const ended = until(jobs, id)
      await jobs.cancel(id)
      expect(await ended).toMatchObject({ state: 'cancelled', stalledSince: null })
    } finally {
      vi.useRealTimers()
    }
  })

  it('run one after the other and tell what they do', async () => {
    const order: string[] = []
    const jobs = await open({
      a: async ({ progress, log }) => {
        progress({ phase: 'work', done: 1, total: 2, unit: 'steps' })
        log('half way')
        order.push('a')
      },
      b: async () => void order.push('b'),
    })
    const a = await jobs.start(request('a'))
    const b = await jobs.start(request('b'))
    const events: JobEvent[] = []
    expect(await until(jobs, a.id, events)).toMatchObject({ state: 'done', resultModelId: 'a', attempts: 1 })
    expect(await until(jobs, b.id)).toMatchObject({ state: 'done' })
    expect(order).toEqual(['a', 'b'])
    expect(events[0]?.type).toBe('snapshot')
    const later: JobEvent[] = []
    await until(jobs, a.id, later)
    expect(later).toMatchObject([{ type: 'snapshot', detail: { log: [{ text: 'half way' }] } }])
  })

  it('can be cancelled while they wait and while they run', async () => {
    const jobs = await open({ a: endless })
    const a = await jobs.start(request('a'))
    const b = await jobs.start(request('a'))
    expect(await jobs.cancel(b.id)).toMatchObject({ state: 'cancelled', startedAt: null })
    expect(await jobs.cancel(a.id)).toMatchObject({ state: 'stopping' })
    expect(await until(jobs, a.id)).toMatchObject({ state: 'cancelled', error: null, resumable: true })
  })

  it('keep the error of work that failed', async () => {
    const jobs = await open({
      a: async () => {
        throw new AppError('bad-weights', 'NaN in a layer')
      },
    })
    const { id } = await jobs.start(request('a'))
    expect(await until(jobs, id)).toMatchObject({ state: 'failed', error: { code: 'bad-weights' } })
  })

  it('are interrupted by the death of the engine, and suspect after the second on the same input', async () => {
    const jobs = await open({
      a: async () => {
        throw new AppError('engine-lost', 'gone')
      },
    })
    const first = await jobs.start(request('a'))
    const saved = 'Part of a is kept.'
    expect(await until(jobs, first.id)).toMatchObject({ state: 'interrupted', saved, resumable: true, suspect: false })
    await jobs.retry(first.id)
    expect(await until(jobs, first.id)).toMatchObject({
      state: 'interrupted',
      attempts: 2,
      engineDeaths: 2,
      stalledSince: null,
      suspect: true,
    })
    const second = await jobs.start(request('a'))
    expect(await until(jobs, second.id)).toMatchObject({ suspect: true })
  })

  it('that ran when the app ended are found as interrupted, and go on when asked', async () => {
    const before = await open({ a: endless })
    const a = await before.start(request('a'))
    const b = await before.start(request('b'))
    const after = await open({ a: async () => {} })
    expect(after.list().jobs).toMatchObject([
      { id: a.id, state: 'interrupted', saved: 'Part of a is kept.', resumable: true },
      { id: b.id, state: 'interrupted', saved: 'It had not started yet.', resumable: false },
    ])
    await after.retry(a.id)
    expect(await until(after, a.id)).toMatchObject({ state: 'done', attempts: 2 })
  })

  it('are interrupted, not cancelled, by closing the app', async () => {
    const jobs = await open({ a: endless })
    const { id } = await jobs.start(request('a'))
    await jobs.dispose()
    const after = await open({})
    expect(after.list().jobs).toMatchObject([{ id, state: 'interrupted' }])
  })

  it('are forgotten only after their end', async () => {
    const jobs = await open({ a: endless })
    const { id } = await jobs.start(request('a'))
    await expect(jobs.remove(id)).rejects.toMatchObject({ code: 'busy' })
    await jobs.cancel(id)
    await until(jobs, id)
    await jobs.remove(id)
    expect(jobs.list().jobs).toEqual([])
    await expect(jobs.cancel(id)).rejects.toMatchObject({ code: 'not-found' })
  })
})
