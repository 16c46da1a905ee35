import { act, cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobRecord, Machine, ModelSummary } from '../../../electron/contract/domain.ts'
import { AppError } from '../../../electron/contract/errors.ts'
import type { SensitivityTable } from '../../../electron/contract/sensitivity.ts'
import { quantSpec } from '../../../electron/plan/choices.ts'
import { BUILT_IN_PRESETS } from '../../../electron/plan/presets.ts'
import { createFakeConnection } from '../../testing/fake-connection.ts'
import { renderScreen } from '../../testing/render-screen.tsx'
import { sampleDetail, sampleJob, sampleModel } from '../../testing/samples.ts'
import { QuantizePage } from './page.tsx'

const machine: Machine = {
  cpu: 'Pretend CPU',
  cores: 2,
  totalMemoryBytes: 8e9,
  availableMemoryBytes: 4e9,
  simd: { available: ['avx2'], active: 'avx2' },
  threads: 2,
  devices: [],
}
const settings = {
  theme: 'system',
  visionDemos: false,
  outputDir: null,
  modelDirs: [],
  threads: null,
  computeDtype: 'float32',
  device: 'auto',
  contextLength: 2048,
  downloadBytesPerSecond: null,
  diskFloorBytes: 2e9,
  keptBytes: 10e9,
} as const

/** Layers of the sample model at 2 and 8 bits, the first one worth more than the others. */
const measured: SensitivityTable = {
  request: { modelId: 'm', computeDtype: 'float16', seed: 0, tokens: 1024 },
  source: 's',
  engineVersion: '1',
  at: '',
  seconds: 1,
  tokens: 1024,
  meanNll: 2,
  layers: sampleDetail(sampleModel()).linears.map(({ name }, index) => ({
    name,
    divergence: 1 / (index + 1),
    probe: 0,
    candidates: [2, 8].map((nbits) => ({
      spec: quantSpec(nbits === 2 ? 2 : 8, 64),
      weightedError: 4 ** -nbits,
      relativeError: 2 ** -nbits,
      bytes: 1,
      seconds: 0.1,
    })),
  })),
}

let nextModel = 0

function setUp({
  jobs = [],
  model = {},
  table = null,
}: {
  jobs?: ((modelId: string) => JobRecord[]) | []
  model?: Partial<ModelSummary>
  table?: SensitivityTable | null
} = {}) {
  // Plans live as long as the page: each test has a model of its own.
  nextModel += 1
  const summary = sampleModel({ id: `model-${nextModel}`, ...model })
  const records = typeof jobs === 'function' ? jobs(summary.id) : jobs
  const fake = createFakeConnection({
    calls: {
      'models.inspect': () => sampleDetail(summary),
      'presets.list': () => ({ presets: [...BUILT_IN_PRESETS] }),
      'presets.save': ({ name, description, config }) => ({
        ...BUILT_IN_PRESETS[0],
        id: 'own',
        name,
        description: description ?? '',
        builtIn: false,
        config: { ...config, rules: [], computeDtype: 'float16', base: { kind: 'keep' } },
      }),
      'settings.get': () => ({ ...settings, modelDirs: [] }),
      'quantize.start': () => sampleJob({ id: 'started' }),
      'jobs.cancel': () => sampleJob({ state: 'stopping' }),
      'jobs.retry': () => sampleJob(),
      'compare.rows': () => ({ sourceModelId: summary.id, rows: [] }),
      'sensitivity.get': () => ({ table, runs: [] }),
      'sensitivity.start': () => sampleJob(),
    },
    streams: {
      'models.watch': () => [{ models: [summary] }],
      'jobs.watch': () => [{ jobs: records }],
      'engine.watch': () => [{ state: 'ready', machine, version: '1', lastError: null, deaths: 0 }],
      'jobs.follow': ({ id }) => [
        {
          type: 'snapshot',
          detail: { record: records.find((job) => job.id === id) ?? sampleJob({ id }), tensors: [], log: [] },
        },
      ],
    },
  })
  renderScreen(<QuantizePage />, fake)
  return { fake, summary }
}

const up = /^model\.layers\.0\.mlp\.up_proj:/
const cell = (name: RegExp) => screen.findByRole('gridcell', { name })
const estimate = () => screen.getByRole('complementary', { name: 'Estimate' })

async function select(name: RegExp): Promise<void> {
  fireEvent.pointerDown(await cell(name), { button: 0 })
  fireEvent.pointerUp(window)
}

function chooseBits(name: string): void {
  fireEvent.click(within(screen.getByRole('radiogroup', { name: 'Bits' })).getByRole('radio', { name }))
}

beforeEach(() => {
  window.location.hash = '#/quantize'
})
afterEach(cleanup)

describe('choosing', () => {
  it('begins with the 4-bit preset and prices it', async () => {
    setUp()
    expect((await cell(up)).getAttribute('aria-label')).toBe(
      'model.layers.0.mlp.up_proj: 4-bit g64, 4.50 bits per weight',
    )
    // The 8 x 8 matrices hold a single group, whose row is padded to two.
    expect(within(estimate()).getByText('5.83')).toBeDefined()
    expect(within(estimate()).getByRole('img', { name: /^Predicted memory: .* of 3\.73.GiB/ })).toBeDefined()
  })

  it('changes the selection, says so in the grid and the estimate, and undoes it', async () => {
    setUp()
    await select(up)
    chooseBits('8')
    expect((await cell(up)).getAttribute('aria-label')).toContain('8-bit g64')
    expect(within(estimate()).queryByText('5.83')).toBeNull()
    fireEvent.click(screen.getByRole('button', { name: 'Undo' }))
    expect((await cell(up)).getAttribute('aria-label')).toContain('4-bit g64')
    fireEvent.click(screen.getByRole('button', { name: 'Redo' }))
    expect((await cell(up)).getAttribute('aria-label')).toContain('8-bit g64')
  })

  it('selects by pattern, and says when nothing matches', async () => {
    setUp()
    await cell(up)
    const field = screen.getByRole('textbox', { name: 'Select by name' })
    const form = field.closest('form') ?? field
    fireEvent.change(field, { target: { value: '*.up_proj' } })
    fireEvent.submit(form)
    expect(screen.getByText('2 selected')).toBeDefined()
    fireEvent.change(field, { target: { value: '*.nothing' } })
    fireEvent.submit(form)
    expect(screen.getByRole('alert').textContent).toBe('No layer has such a name.')
  })

  it('predicts quality, spends a budget as one step, and leaves pinned layers alone', async () => {
    setUp({ table: measured })
    await select(up)
    chooseBits('8')
    fireEvent.click(screen.getByRole('button', { name: /^Pin/ }))
    expect(within(estimate()).getByText('1 pinned layer stays as it is.')).toBeDefined()
    fireEvent.keyDown(screen.getByRole('slider', { name: 'Budget' }), { key: 'Home' })
    fireEvent.click(screen.getByRole('button', { name: 'Use these bits' }))
    expect((await cell(up)).getAttribute('aria-label')).toContain('8-bit g64')
    expect((await cell(/^model\.layers\.1\.mlp\.up_proj:/)).getAttribute('aria-label')).toContain('2-bit g64')
    fireEvent.click(screen.getByRole('radio', { name: 'KL' }))
    expect((await cell(up)).getAttribute('aria-label')).toMatch(/KL \d/)
    fireEvent.click(screen.getByRole('button', { name: /^Undo/ }))
    fireEvent.click(screen.getByRole('radio', { name: 'Choices' }))
    expect((await cell(/^model\.layers\.1\.mlp\.up_proj:/)).getAttribute('aria-label')).toContain('4-bit g64')
  })

  it('offers to measure layers that were not measured', async () => {
    const { fake } = setUp()
    fireEvent.click(await screen.findByRole('button', { name: 'Measure the layers' }))
    await waitFor(() => expect(fake.asked.some(({ method }) => method === 'sensitivity.start')).toBe(true))
  })

  it('does not start a plan that keeps everything', async () => {
    setUp()
    await cell(up)
    fireEvent.click(screen.getByRole('button', { name: 'Select all' }))
    chooseBits('Keep')
    expect(screen.getByText(/every layer is kept/)).toBeDefined()
    expect(
      within(estimate())
        .getByRole('button', { name: /Quantize/ })
        .hasAttribute('disabled'),
    ).toBe(true)
  })

  it('says what stands against a model', async () => {
    const problem = { code: 'unsupported', message: 'It is quantized already.' } as const
    const { summary } = setUp({ model: { quantizeProblem: problem } })
    window.location.hash = `#/quantize?model=${summary.id}`
    expect(await screen.findByText('It is quantized already.')).toBeDefined()
  })
})

describe('starting', () => {
  it('shows the resolved table, starts with the shortest rules, and goes to the job', async () => {
    const { fake, summary } = setUp()
    await select(up)
    chooseBits('8')
    fireEvent.click(within(estimate()).getByRole('button', { name: /Quantize/ }))
    const dialog = await screen.findByRole('dialog')
    expect(within(dialog).getByText('8-bit g64')).toBeDefined()
    fireEvent.change(within(dialog).getByRole('textbox', { name: 'Name of the new model' }), {
      target: { value: ' Mine ' },
    })
    fireEvent.click(within(dialog).getByRole('button', { name: /Start quantizing/ }))
    await waitFor(() => expect(window.location.hash).toBe(`#/quantize?model=${summary.id}&job=started`))
    const request = fake.asked.find(({ method }) => method === 'quantize.start')?.input
    expect(request).toMatchObject({
      modelId: summary.id,
      name: 'Mine',
      measure: true,
      config: {
        base: { kind: 'quantize', spec: quantSpec(4, 64) },
        rules: [{ pattern: 'model.layers.0.mlp.up_proj', choice: { kind: 'quantize', spec: quantSpec(8, 64) } }],
      },
    })
  })
})

describe('a job', () => {
  const jobFor = (changes: Partial<JobRecord>) => (modelId: string) => [
    sampleJob({
      ...changes,
      job: { kind: 'quantize', request: { modelId, config: BUILT_IN_PRESETS[1]?.config ?? never(), measure: false } },
    }),
  ]

  it('that runs is shown without being asked for, with errors as they arrive', async () => {
    const { fake } = setUp({ jobs: jobFor({}) })
    expect(await screen.findByText(/3 of 4 tensors · 1\.00.GB\/s/)).toBeDefined()
    expect((await cell(up)).getAttribute('aria-label')).toContain('not yet')
    act(() =>
      fake.emit('jobs.follow', {
        type: 'tensor',
        tensor: {
          name: 'model.layers.0.mlp.up_proj',
          spec: quantSpec(4, 64),
          meanAbsError: 0.01,
          relativeError: 0.0932,
          bytes: 100,
          seconds: 0.1,
          iterations: 20,
        },
      }),
    )
    await waitFor(async () => expect((await cell(up)).getAttribute('aria-label')).toContain('9.32'))
    fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
    await waitFor(() => expect(fake.asked).toContainEqual({ method: 'jobs.cancel', input: { id: 'job' } }))
  })

  it('that was interrupted is offered, says what is kept, and resumes', async () => {
    const error = new AppError('engine-lost', 'The engine stopped (SIGKILL).').toShape()
    const { fake } = setUp({
      jobs: jobFor({ state: 'interrupted', resumable: true, saved: '3 of 4 tensors', error, progress: null }),
    })
    fireEvent.click(await screen.findByRole('button', { name: 'Show and resume' }))
    expect(await screen.findByText('Kept: 3 of 4 tensors')).toBeDefined()
    expect(screen.getByText('The engine stopped (SIGKILL).')).toBeDefined()
    fireEvent.click(screen.getByRole('button', { name: 'Resume' }))
    await waitFor(() => expect(fake.asked).toContainEqual({ method: 'jobs.retry', input: { id: 'job' } }))
  })

  it('that is done leads on to Compare and Chat', async () => {
    setUp({
      jobs: jobFor({ state: 'done', resultModelId: 'made', progress: null, finishedAt: '2026-01-01T10:00:31Z' }),
    })
    await cell(up)
    act(() => {
      window.location.hash = `${window.location.hash}?job=job`
    })
    fireEvent.click(await screen.findByRole('button', { name: 'Chat' }))
    expect(window.location.hash).toBe('#/chat?model=made')
  })
})

function never(): never {
  throw new Error('the presets changed')
}
