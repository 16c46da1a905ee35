import { describe, expect, it } from 'vitest'
import { quantSpec } from '../../../electron/plan/choices.ts'
import { sampleJob, sampleProgress } from '../../testing/samples.ts'
import { createJobFollower } from './job-follow.ts'
import { isActive, phaseWord, progressShare, progressWords } from './job-words.ts'

const tensor = (name: string) => ({
  name,
  spec: quantSpec(4, 64),
  meanAbsError: 0.01,
  relativeError: 0.1,
  bytes: 10,
  seconds: 0.1,
  iterations: 20,
})

describe('createJobFollower', () => {
  it('builds the job from its events and tells listeners once a batch', () => {
    const flushes: (() => void)[] = []
    const follower = createJobFollower((flush) => void flushes.push(flush))
    follower.receive({
      type: 'snapshot',
      detail: { record: sampleJob(), tensors: [tensor('a')], log: [{ at: '2026-01-01T00:00:00Z', text: 'begun' }] },
    })
    let told = 0
    follower.state.subscribe(() => {
      told += 1
    })
    for (const name of ['b', 'c', 'd']) follower.receive({ type: 'tensor', tensor: tensor(name) })
    expect([told, flushes.length]).toEqual([0, 1])
    flushes[0]?.()
    expect(told).toBe(1)
    expect([...follower.state.getState().results.keys()]).toEqual(['a', 'b', 'c', 'd'])
    follower.receive({ type: 'log', at: '2026-01-01T00:00:01Z', text: 'going on' })
    expect(follower.state.getState().log.map(({ text }) => text)).toEqual(['begun', 'going on'])
  })

  it('loses nothing at the end, and nothing of an older subscription stays', () => {
    const follower = createJobFollower(() => undefined)
    follower.receive({ type: 'tensor', tensor: tensor('a') })
    follower.finish(sampleJob({ state: 'done' }))
    expect(follower.state.getState().results.size).toBe(1)
    expect(follower.state.getState().record?.state).toBe('done')
    follower.reset()
    expect(follower.state.getState()).toMatchObject({ record: null, log: [] })
  })
})

describe('jobs in words', () => {
  const plain = (text: string) => text.replaceAll('\u00a0', ' ')

  it('say what is known', () => {
    expect(plain(progressWords(sampleProgress()))).toBe('3 of 4 tensors · 1.00 GB/s · 1.0 s left')
    const early = sampleProgress({ bytesPerSecond: null, rate: null, etaSeconds: null })
    expect(progressWords(early)).toBe('3 of 4 tensors')
    expect(progressShare(sampleProgress())).toBe(0.75)
    expect(progressShare(sampleProgress({ total: 0 }))).toBeNull()
    expect(progressShare(null)).toBeNull()
  })

  it('name phases and states', () => {
    expect([phaseWord('assemble'), phaseWord('polish')]).toEqual(['Write', 'Polish'])
    expect(isActive(sampleJob({ state: 'stopping' }))).toBe(true)
    expect(isActive(sampleJob({ state: 'interrupted' }))).toBe(false)
  })
})
