import { act, cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobRecord } from '../../../electron/contract/domain.ts'
import { createFakeConnection, type FakeConnection } from '../../testing/fake-connection.ts'
import { renderScreen } from '../../testing/render-screen.tsx'
import { sampleJob } from '../../testing/samples.ts'
import { JobsPage } from './page.tsx'

function setUp(
  jobs: JobRecord[],
  calls: NonNullable<Parameters<typeof createFakeConnection>[0]>['calls'] = {},
): FakeConnection {
  const fake = createFakeConnection({
    calls,
    streams: {
      'jobs.watch': () => [{ jobs }],
      'models.watch': () => [{ models: [] }],
      'jobs.follow': ({ id }) => [
        {
          type: 'snapshot',
          detail: { record: jobs.find((job) => job.id === id) ?? sampleJob(), tensors: [], log: [] },
        },
      ],
    },
  })
  renderScreen(<JobsPage />, fake)
  return fake
}

beforeEach(() => {
  window.location.hash = '#/jobs'
})
afterEach(cleanup)

describe('JobsPage', () => {
  it('says that a job does not move and offers to end it', async () => {
    const cancelled: string[] = []
    const stalledSince = new Date(Date.now() - 600_000).toISOString()
    setUp([sampleJob({ stalledSince })], {
      'jobs.cancel': ({ id }) => {
        cancelled.push(id)
        return sampleJob({ id, state: 'stopping' })
      },
    })
    expect((await screen.findByRole('alert')).textContent).toMatch(/does not move/)
    expect(screen.getByText(/Last progress 10.min/)).toBeDefined()
    expect(screen.getByText('Stalled')).toBeDefined()
    fireEvent.click(screen.getByRole('button', { name: 'End it' }))
    fireEvent.click(await screen.findByRole('button', { name: 'Stop' }))
    await waitFor(() => expect(cancelled).toHaveLength(1))
  })

  it('shows the running job with phase, done of total and rate', async () => {
    setUp([sampleJob()])
    expect(await screen.findByText('3 of 4')).toBeDefined()
    expect(screen.getByText('2.00 tensors/s')).toBeDefined()
    expect(screen.getByText('Safe so far: 3 of 4 tensors')).toBeDefined()
    expect(screen.getByRole('progressbar', { name: 'Quantize Demo' }).getAttribute('aria-valuenow')).toBe('75')
  })

  it('adds tensors as they are finished', async () => {
    const fake = setUp([sampleJob()])
    await screen.findByText(/Tensors appear here/)
    const spec = {
      nbits: 2,
      groupSize: 16,
      axis: 1,
      method: 'hqq',
      roundZero: null,
      quantZero: false,
      quantScale: false,
    } as const
    const tensor = {
      name: 'layer.a',
      spec,
      meanAbsError: 0.01,
      relativeError: 0.123,
      bytes: 100,
      seconds: 0.5,
      iterations: 7,
    }
    act(() => fake.emit('jobs.follow', { type: 'tensor', tensor }))
    expect(await screen.findByText('layer.a')).toBeDefined()
    expect(screen.getByText('2-bit g16, axis 1')).toBeDefined()
  })

  it('stops only after saying what is kept', async () => {
    const fake = setUp([sampleJob()], { 'jobs.cancel': () => sampleJob({ state: 'stopping' }) })
    fireEvent.click(await screen.findByRole('button', { name: 'Stop' }))
    const dialog = await screen.findByRole('alertdialog', { name: 'Stop this job?' })
    expect(within(dialog).getByText(/Kept: 3 of 4 tensors/)).toBeDefined()
    fireEvent.click(within(dialog).getByRole('button', { name: 'Stop' }))
    await waitFor(() => expect(fake.asked).toContainEqual({ method: 'jobs.cancel', input: { id: 'job' } }))
  })

  it('resumes an interrupted job and shows why it ended', async () => {
    const job = sampleJob({
      state: 'interrupted',
      resumable: true,
      saved: '3 of 4 tensors are kept.',
      error: { code: 'engine-lost', message: 'The engine process ended.' },
    })
    const fake = setUp([job], { 'jobs.retry': () => sampleJob() })
    expect(await screen.findByText('The engine process ended.')).toBeDefined()
    expect(screen.getByText('3 of 4 tensors are kept.')).toBeDefined()
    fireEvent.click(screen.getByRole('button', { name: 'Resume' }))
    await waitFor(() => expect(fake.asked).toContainEqual({ method: 'jobs.retry', input: { id: 'job' } }))
  })

  it('shows a stopped job without alarm', async () => {
    setUp([sampleJob({ state: 'cancelled', error: { code: 'cancelled', message: 'cancelled' } })])
    expect((await screen.findAllByText('Stopped')).length).toBeGreaterThan(0)
    expect(screen.queryByRole('alert')).toBeNull()
  })

  it('says what will be here', async () => {
    setUp([])
    expect(await screen.findByRole('link', { name: 'Quantize a model' })).toBeDefined()
  })
})
