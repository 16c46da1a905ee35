import { expect, it } from 'vitest'
import { sampleJob } from '../testing/samples.ts'
import { endedJobs } from './use-job-news.ts'

it('finds the jobs that ended since', () => {
  const before = [
    sampleJob({ id: 'a' }),
    sampleJob({ id: 'b', state: 'queued' }),
    sampleJob({ id: 'c', state: 'done' }),
  ]
  const after = [
    sampleJob({ id: 'a', state: 'done' }),
    sampleJob({ id: 'b', state: 'running' }),
    sampleJob({ id: 'c', state: 'done' }),
    sampleJob({ id: 'd', state: 'failed' }),
  ]
  expect(endedJobs(before, after).map(({ id }) => id)).toEqual(['a'])
})
