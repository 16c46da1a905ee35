import { describe, expect, it } from 'vitest'
import { sampleJob, sampleProgress } from '../../testing/samples.ts'
import { applyFollowEvent } from './follow-store.ts'
import { elapsedSeconds, groupJobs, keptByStop, nextAction } from './job-groups.ts'
import { phasesOf } from './phases.ts'

describe('groupJobs', () => {
  it('puts what runs first, the next to run first, the latest of the past first', () => {
    const at = (minute: string) => ({ createdAt: `2026-01-01T10:${minute}:00Z`, startedAt: null })
    const groups = groupJobs([
      sampleJob({ id: 'old', state: 'done', finishedAt: '2026-01-01T10:05:00Z' }),
      sampleJob({ id: 'second', state: 'queued', ...at('09') }),
      sampleJob({ id: 'new', state: 'failed', finishedAt: '2026-01-01T10:06:00Z' }),
      sampleJob({ id: 'first', state: 'queued', ...at('08') }),
      sampleJob({ id: 'now', state: 'stopping' }),
    ])
    expect(groups.map(({ title, jobs }) => [title, jobs.map(({ id }) => id)])).toEqual([
      ['Running', ['now']],
      ['Waiting', ['first', 'second']],
      ['History', ['new', 'old']],
    ])
  })
})

describe('a job', () => {
  it('offers to go on only where that makes sense', () => {
    expect(nextAction(sampleJob())).toBeNull()
    expect(nextAction(sampleJob({ state: 'done' }))).toBeNull()
    expect(nextAction(sampleJob({ state: 'interrupted', resumable: true }))).toBe('Resume')
    expect(nextAction(sampleJob({ state: 'failed' }))).toBe('Run again')
  })

  it('says what a stop keeps', () => {
    expect(keptByStop(sampleJob())).toContain('3 of 4 tensors')
    expect(keptByStop(sampleJob({ progress: sampleProgress({ checkpoint: null }) }))).toContain('nothing is kept')
    expect(keptByStop(sampleJob({ state: 'queued' }))).toContain('not started')
  })

  it('counts its time to the end, or to now', () => {
    const now = Date.parse('2026-01-01T10:00:11Z')
    expect(elapsedSeconds(sampleJob(), now)).toBe(10)
    expect(elapsedSeconds(sampleJob({ finishedAt: '2026-01-01T10:00:04Z' }), now)).toBe(3)
    expect(elapsedSeconds(sampleJob({ startedAt: null }), now)).toBeNull()
  })

  it('names its phases, the one under way among them', () => {
    const states = (phase: string) =>
      phasesOf(sampleJob({ progress: sampleProgress({ phase }) })).map(({ label, state }) => `${label} ${state}`)
    expect(states('assemble')).toEqual([
      'Check done',
      'Quantize done',
      'Write current',
      'Perplexity ahead',
      'Speed ahead',
    ])
    expect(states('polish').at(-1)).toBe('Polish current')
    expect(phasesOf(sampleJob({ state: 'done' })).every(({ state }) => state === 'done')).toBe(true)
  })
})

describe('applyFollowEvent', () => {
  const spec = {
    nbits: 4,
    groupSize: 64,
    axis: 1,
    method: 'hqq',
    roundZero: null,
    quantZero: false,
    quantScale: false,
  } as const
  const tensor = { name: 'a', spec, meanAbsError: 0.1, relativeError: 0.2, bytes: 3, seconds: 1, iterations: 5 }

  it('builds on the snapshot and replaces a tensor that is reported again', () => {
    expect(applyFollowEvent(null, { type: 'tensor', tensor })).toBeNull()
    const start = applyFollowEvent(null, {
      type: 'snapshot',
      detail: { record: sampleJob(), tensors: [tensor], log: [] },
    })
    const twice = applyFollowEvent(start, { type: 'tensor', tensor: { ...tensor, bytes: 9 } })
    expect(twice?.tensors).toEqual([{ ...tensor, bytes: 9 }])
    const logged = applyFollowEvent(twice, { type: 'log', at: '2026-01-01T10:00:00Z', text: 'done' })
    expect(logged?.log).toHaveLength(1)
    const ended = applyFollowEvent(logged, { type: 'record', record: sampleJob({ state: 'done' }) })
    expect(ended?.record.state).toBe('done')
  })
})
