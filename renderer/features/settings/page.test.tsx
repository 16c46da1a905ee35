import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react'
import { afterEach, describe, expect, it } from 'vitest'
import type { EngineStatus } from '../../../electron/contract/app.ts'
import { type Device, type Machine, type Settings, settingsSchema } from '../../../electron/contract/domain.ts'
import { AppError } from '../../../electron/contract/errors.ts'
import { createFakeConnection, type FakeConnection } from '../../testing/fake-connection.ts'
import { renderScreen } from '../../testing/render-screen.tsx'
import { SettingsPage } from './page.tsx'

const engine: EngineStatus = {
  state: 'ready',
  version: '1.2.3',
  lastError: null,
  deaths: 0,
  machine: {
    cpu: 'Test CPU',
    cores: 4,
    totalMemoryBytes: 8e9,
    availableMemoryBytes: 6e9,
    simd: { available: ['scalar', 'avx2'], active: 'avx2' },
    threads: 4,
    devices: [],
  },
}

const gpu: Device = {
  id: 'cuda:GPU-1',
  name: 'Test GPU',
  kind: 'cuda',
  totalBytes: 24e9,
  freeBytes: 20e9,
  gpu: {
    uuid: 'GPU-1',
    ordinal: 0,
    computeCapability: '9.0',
    multiprocessors: 132,
    driver: '580.65.06',
    otherBytes: 1e9,
    utilization: 7,
    own: { weights: 2e9, metadata: 1e8, kvCache: 5e8, scratch: 1e7 },
    problem: null,
  },
}

function setUp(set?: () => Settings, machine: Partial<Machine> = {}): FakeConnection {
  let settings = settingsSchema.parse({ modelDirs: ['/more'] })
  const fake = createFakeConnection({
    calls: {
      'settings.get': () => settings,
      'settings.set': set ?? ((change) => (settings = settingsSchema.parse({ ...settings, ...change }))),
      'engine.restart': () => ({}),
      'kept.usage': () => kept,
      'kept.clear': () => {
        kept = { bytes: 0, files: 0 }
        return {}
      },
    },
    streams: {
      'engine.watch': () => [{ ...engine, machine: { ...engine.machine, ...machine } as Machine }],
      'machine.watch': () => [],
    },
  })
  renderScreen(<SettingsPage />, fake)
  return fake
}

let kept = { bytes: 5e9, files: 120 }

it('tells what is kept for next time, and deletes it', async () => {
  setUp()
  expect(await screen.findByText(/GB in 120 files/)).toBeDefined()
  fireEvent.click(screen.getByRole('button', { name: 'Delete them' }))
  expect(await screen.findByText(/in 0 files/)).toBeDefined()
})

afterEach(() => {
  cleanup()
  localStorage.clear()
  delete document.documentElement.dataset.theme
})

describe('SettingsPage', () => {
  it('applies and saves the theme at once', async () => {
    const fake = setUp()
    fireEvent.click(await screen.findByRole('radio', { name: 'Dark' }))
    expect(document.documentElement.dataset.theme).toBe('dark')
    expect(localStorage.getItem('theme')).toBe('dark')
    await waitFor(() => expect(fake.asked).toContainEqual({ method: 'settings.set', input: { theme: 'dark' } }))
    await waitFor(() => expect(screen.getByRole('radio', { name: 'Dark' }).getAttribute('aria-checked')).toBe('true'))
  })

  it('takes a number of threads within what the machine can use', async () => {
    const fake = setUp()
    const field = await screen.findByRole('spinbutton', { name: 'Threads' })
    fireEvent.change(field, { target: { value: '99' } })
    fireEvent.blur(field)
    await waitFor(() => expect(fake.asked).toContainEqual({ method: 'settings.set', input: { threads: 8 } }))
  })

  it('removes a scanned folder', async () => {
    const fake = setUp()
    fireEvent.click(await screen.findByRole('button', { name: 'No longer scan /more' }))
    await waitFor(() => expect(screen.queryByText('/more')).toBeNull())
    expect(fake.asked).toContainEqual({ method: 'settings.set', input: { modelDirs: [] } })
  })

  it('says when a change could not be saved', async () => {
    setUp(() => {
      throw new AppError('disk-full', 'No space is left in /data.')
    })
    fireEvent.click(await screen.findByRole('button', { name: 'No longer scan /more' }))
    expect(await screen.findByText('No space is left in /data.')).toBeDefined()
  })

  it('shows the engine and restarts it after asking', async () => {
    const fake = setUp()
    expect(await screen.findByText('avx2 (available: scalar, avx2)')).toBeDefined()
    fireEvent.click(screen.getByRole('button', { name: 'Restart engine' }))
    fireEvent.click(await screen.findByRole('button', { name: 'Restart' }))
    await waitFor(() => expect(fake.asked).toContainEqual({ method: 'engine.restart', input: {} }))
  })

  it('shows a GPU with what is in its memory, and lets it be chosen', async () => {
    const fake = setUp(undefined, { devices: [gpu], cuda: { state: 'ready', sentence: 'The GPU is ready.' } })
    expect(await screen.findByText('The GPU is ready.')).toBeDefined()
    expect(screen.getByText('580.65.06')).toBeDefined()
    expect(screen.getByLabelText(/^Measured memory: .* Weights 1\.86 GiB/)).toBeDefined()
    expect(screen.getByText('Models are quantized and run on Test GPU')).toBeDefined()
    expect(fake.asked.some(({ method }) => method === 'settings.set')).toBe(false)
  })

  it('says why there is no GPU to use', async () => {
    setUp(undefined, { cuda: { state: 'old-driver', sentence: 'The NVIDIA driver is too old.' } })
    expect(await screen.findByText('The NVIDIA driver is too old.')).toBeDefined()
    expect(screen.getByText('Old driver')).toBeDefined()
  })
})
