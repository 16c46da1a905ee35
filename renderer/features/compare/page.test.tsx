import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CompareRow, Measurement, TensorResult } from '../../../electron/contract/domain.ts'
import { AppError } from '../../../electron/contract/errors.ts'
import { quantSpec } from '../../../electron/plan/choices.ts'
import { createFakeConnection } from '../../testing/fake-connection.ts'
import { renderScreen } from '../../testing/render-screen.tsx'
import { sampleJob, sampleModel } from '../../testing/samples.ts'
import { ComparePage } from './page.tsx'

const original = sampleModel({ id: 'demo', name: 'Demo' })
const small = sampleModel({
  id: 'demo-4',
  name: 'Demo 4-bit',
  quantization: { label: '4-bit g64', mixed: false, bitsPerWeight: 4.5, sourceModelId: 'demo', method: 'hqq' },
})
const parts = { weights: 100, metadata: 10, kvCache: 5, scratch: 3, other: 2 }

function perplexity(modelId: string, value: number, window: number): Measurement {
  return {
    id: `${modelId}-${window}`,
    modelId,
    metric: 'perplexity',
    value,
    unit: 'perplexity',
    protocolKey: `windows/${window}`,
    protocol: { protocol: 'windows', window },
    memory: null,
    seconds: 1,
    engineVersion: '1',
    at: '2026-01-01T00:00:00Z',
  }
}

const tensor: TensorResult = {
  name: 'model.layers.0.mlp.up_proj',
  spec: quantSpec(4, 64),
  meanAbsError: 0.01,
  relativeError: 0.093,
  bytes: 100,
  seconds: 0.1,
  iterations: 20,
}

const rows: CompareRow[] = [
  {
    model: original,
    role: 'original',
    predicted: parts,
    contextLength: 1024,
    measurements: [perplexity('demo', 24.08, 512), perplexity('demo', 22.5, 1024)],
    quantizeSeconds: null,
    meanRelativeError: null,
    tensors: [],
  },
  {
    model: small,
    role: 'quantized',
    predicted: parts,
    contextLength: 1024,
    measurements: [perplexity('demo-4', 25.29, 512)],
    quantizeSeconds: 1.4,
    meanRelativeError: 0.093,
    tensors: [tensor],
  },
]

function setUp(answer: () => CompareRow[] = () => rows) {
  const fake = createFakeConnection({
    calls: {
      'compare.rows': () => ({ sourceModelId: 'demo', rows: answer() }),
      'images.list': () => ({ images: [], labels: [] }),
      'evaluate.start': () => sampleJob({ id: 'evaluation' }),
    },
    streams: {
      'models.watch': () => [{ models: [original, small] }],
      'jobs.watch': () => [{ jobs: [] }],
      'engine.watch': () => [{ state: 'ready', machine: null, version: '1', lastError: null, deaths: 0 }],
    },
  })
  renderScreen(<ComparePage />, fake)
  return fake
}

beforeEach(() => {
  window.location.hash = '#/compare'
})
afterEach(cleanup)

const versions = () => screen.findByRole('table', { name: 'Versions' })

describe('ComparePage', () => {
  it('shows every version with the numbers of one protocol, and the loss against the original', async () => {
    setUp()
    const table = await versions()
    expect(within(table).getByText('24.08')).toBeDefined()
    expect(within(table).getByText('25.29')).toBeDefined()
    expect(within(table).queryByText('22.50')).toBeNull()
    expect(within(table).getByText(/\+5\.0.%/)).toBeDefined()
  })

  it('opens each measured number to its protocol', async () => {
    setUp()
    fireEvent.click(within(await versions()).getByRole('button', { name: /Perplexity of Demo 4-bit/ }))
    const story = await screen.findByRole('dialog', { name: 'Perplexity of Demo 4-bit' })
    expect(within(story).getByText('windows')).toBeDefined()
    expect(within(story).getByText('512')).toBeDefined()
  })

  it('has a table twin for each chart', async () => {
    setUp()
    await versions()
    const figures = screen.getAllByRole('figure')
    expect(figures).toHaveLength(4)
    for (const figure of figures) {
      expect(within(figure).queryByRole('table')).toBeNull()
      fireEvent.click(within(figure).getByRole('radio', { name: 'Table' }))
      expect(within(figure).getByRole('table')).toBeDefined()
    }
  })

  it('measures the chosen versions under one protocol', async () => {
    const fake = setUp()
    fireEvent.click(within(await versions()).getByRole('button', { name: 'Measure Demo 4-bit' }))
    const dialog = await screen.findByRole('dialog', { name: 'Measure' })
    fireEvent.click(within(dialog).getByRole('checkbox', { name: 'Demo' }))
    fireEvent.click(within(dialog).getByRole('checkbox', { name: 'Speed and memory' }))
    fireEvent.click(within(dialog).getByRole('radio', { name: 'HQQ reference' }))
    fireEvent.click(within(dialog).getByRole('button', { name: 'Measure 2 versions' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    const started = fake.asked.filter(({ method }) => method === 'evaluate.start').map(({ input }) => input)
    const protocol = { metrics: ['perplexity'], protocol: 'hqq', window: 1024, stride: 512, text: { kind: 'bundled' } }
    expect(started).toMatchObject([
      { modelId: 'demo', ...protocol },
      { modelId: 'demo-4', ...protocol },
    ])
  })

  it('shows accuracy in place of perplexity for models that compare pictures', async () => {
    const vision = { kind: 'clip' as const, imageSize: 8, patchSize: 4, pictureTokens: null, towers: [] }
    const runProblem = { code: 'unsupported' as const, message: 'It writes nothing.' }
    const protocol = { kind: 'labels', pictures: 20, folder: '/pictures', labelsFrom: 'subfolders', template: '{}' }
    const accuracy = (modelId: string, value: number): CompareRow['measurements'][number] => ({
      ...{ id: `accuracy ${modelId}`, modelId, metric: 'accuracy', value, unit: '%', protocolKey: 'a', protocol },
      ...{ memory: null, seconds: 1, engineVersion: '1', at: '2026-01-01T00:00:00Z' },
    })
    const fake = setUp(() =>
      rows.map((row) => ({
        ...row,
        model: { ...row.model, vision, runProblem },
        measurements: [accuracy(row.model.id, row.role === 'original' ? 99.5 : 97)],
      })),
    )
    const table = await versions()
    expect(within(table).getByText('97.0 %')).toBeDefined()
    expect(within(table).queryByText('Perplexity')).toBeNull()
    expect(screen.queryByRole('tab', { name: 'Side by side' })).toBeNull()
    fireEvent.click(within(table).getByRole('button', { name: 'Measure Demo 4-bit' }))
    const dialog = await screen.findByRole('dialog', { name: 'Measure' })
    fireEvent.click(within(dialog).getByRole('checkbox', { name: 'Divergence from the original' }))
    fireEvent.click(within(dialog).getByRole('button', { name: 'Measure 1 version' }))
    await waitFor(() =>
      expect(fake.asked.at(-1)).toMatchObject({
        method: 'evaluate.start',
        input: {
          modelId: 'demo-4',
          metrics: ['accuracy', 'divergence'],
          referenceModelId: 'demo',
          pictures: { dir: '/pictures', labels: null, template: '{}' },
        },
      }),
    )
  })

  it('shows the errors of two versions on the grid', async () => {
    setUp()
    await versions()
    fireEvent.mouseDown(screen.getByRole('tab', { name: 'Error per layer' }), { button: 0 })
    const cell = await screen.findByRole('gridcell', { name: /^model\.layers\.0\.mlp\.up_proj: relative error 9\.30/ })
    expect(cell).toBeDefined()
  })

  it('asks again after a failure', async () => {
    let fails = true
    setUp(() => {
      if (fails) throw new AppError('io', 'The records cannot be read.')
      return rows
    })
    expect(await screen.findByText('The records cannot be read.')).toBeDefined()
    fails = false
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await versions()).toBeDefined()
  })
})
