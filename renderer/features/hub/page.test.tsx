import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react'
import { afterEach, describe, expect, it } from 'vitest'
import { settingsSchema } from '../../../electron/contract/domain.ts'
import { AppError } from '../../../electron/contract/errors.ts'
import type { HubModel, HubModelDetail, HubQuery } from '../../../electron/contract/hub.ts'
import { BUILT_IN_PRESETS } from '../../../electron/plan/presets.ts'
import { createFakeConnection, type FakeConnection } from '../../testing/fake-connection.ts'
import { renderScreen } from '../../testing/render-screen.tsx'
import { sampleJob } from '../../testing/samples.ts'
import { HubPage } from './page.tsx'

const NAME = 'acme/tiny'

function model(name: string, more: Partial<HubModel> = {}): HubModel {
  return {
    name,
    private: false,
    gated: 'no',
    downloads: 1000,
    likes: 1,
    updatedAt: null,
    licence: 'mit',
    architecture: 'LlamaForCausalLM',
    task: 'text-generation',
    parameters: 1e9,
    quantized: null,
    problem: null,
    roughBytes: 5e8,
    fits: 'fits',
    ...more,
  }
}

function detail(more: Partial<HubModelDetail> = {}): HubModelDetail {
  const weight = { name: 'model.layers.0.mlp.up_proj.weight', dtype: 'BF16', shape: [512, 256], bytes: 262_144 }
  return {
    model: model(NAME),
    page: `https://hub.example/${NAME}`,
    revision: 'main',
    commit: 'c'.repeat(40),
    files: [{ path: 'model.safetensors', bytes: 300_000, needed: true, cached: false }],
    downloadBytes: 300_000,
    missingBytes: 300_000,
    freeBytes: 9e9,
    floorBytes: 2e9,
    plan: {
      config: null,
      dtype: 'bfloat16',
      parameters: 131_072,
      tensors: [{ ...weight, file: 'model.safetensors' }],
      linears: [
        {
          name: 'model.layers.0.mlp.up_proj',
          block: 0,
          tag: 'mlp.up_proj',
          shape: [512, 256],
          sourceBytes: 262_144,
          sourceDtype: 'bfloat16',
          quantized: null,
        },
      ],
      otherBytes: 0,
    },
    problem: null,
    runProblem: null,
    fetchedBytes: 20_000,
    card: '---\nlicense: mit\n---\n# A card\n\n<b>raw</b> ![pixel](http://spy.example/x.png)',
    ...more,
  }
}

interface Answers {
  search?: (query: HubQuery, cursor: string | null) => { models: HubModel[]; next: string | null }
  detail?: HubModelDetail
}

function setUp({ search, detail: shown = detail() }: Answers = {}): FakeConnection {
  const fake = createFakeConnection({
    calls: {
      'hub.search': ({ query, cursor }) =>
        search?.(query as HubQuery, cursor ?? null) ?? {
          models: [model(NAME), model('acme/gated', { gated: 'manual' })],
          next: null,
        },
      'hub.inspect': () => shown,
      'hub.download': () => sampleJob({ id: 'job-1' }),
      'hub.quantize': () => sampleJob({ id: 'job-2' }),
      'settings.get': () => settingsSchema.parse({}),
      'presets.list': () => ({ presets: [...BUILT_IN_PRESETS] }),
    },
    streams: { 'engine.watch': () => [], 'jobs.watch': () => [{ jobs: [] }] },
  })
  renderScreen(<HubPage />, fake)
  return fake
}

afterEach(() => {
  cleanup()
  localStorage.clear()
  window.location.hash = ''
})

describe('search', () => {
  it('asks once typing pauses, with the filters', async () => {
    const fake = setUp()
    await screen.findByRole('link', { name: NAME })
    for (const text of ['l', 'll', 'llama']) {
      fireEvent.change(screen.getByRole('searchbox', { name: 'Search the Hub' }), { target: { value: text } })
    }
    fireEvent.click(screen.getByRole('button', { name: /Filters/ }))
    fireEvent.click(screen.getByRole('checkbox', { name: 'Fits this machine at 4 bits' }))
    const asked = () => fake.asked.filter(({ method }) => method === 'hub.search')
    await waitFor(() => expect(asked()).toHaveLength(2))
    expect(asked()[1]?.input).toMatchObject({
      query: { text: 'llama', fits: true, supported: true, quantized: 'none' },
    })
  })

  it('says when nothing matches, and what went wrong', async () => {
    let fails = true
    setUp({
      search() {
        if (fails) throw new AppError('network', 'The Hub cannot be reached: the connection was refused.')
        return { models: [], next: null }
      },
    })
    expect(await screen.findByText(/the connection was refused/)).toBeDefined()
    fails = false
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByText(/No model matches/)).toBeDefined()
  })
})

describe('a model', () => {
  it('shows what it would take, starts a download of the commit that was shown, and goes to the job', async () => {
    const fake = setUp()
    fireEvent.click(await screen.findByRole('link', { name: NAME }))
    window.location.hash = `#/hub?repo=${encodeURIComponent(NAME)}`
    const table = await screen.findByRole('table', { name: 'Estimates' })
    expect(table.textContent).toContain('4.50')
    fireEvent.click(screen.getByRole('button', { name: /Download/ }))
    await waitFor(() => expect(window.location.hash).toBe('#/jobs?job=job-1'))
    expect(fake.asked).toContainEqual({
      method: 'hub.download',
      input: { repo: NAME, revision: 'main', commit: 'c'.repeat(40) },
    })
  })

  it('is quantized while it downloads with the preset that was chosen', async () => {
    window.location.hash = `#/hub?repo=${encodeURIComponent(NAME)}`
    const fake = setUp()
    fireEvent.click(await screen.findByRole('radio', { name: '3-bit' }))
    fireEvent.click(screen.getByRole('button', { name: 'Quantize while downloading' }))
    fireEvent.click(await screen.findByRole('button', { name: 'Start' }))
    await waitFor(() => expect(window.location.hash).toBe('#/jobs?job=job-2'))
    expect(fake.asked.find(({ method }) => method === 'hub.quantize')?.input).toMatchObject({
      repo: NAME,
      keepSource: false,
      config: { base: { spec: { nbits: 3 } } },
    })
  })

  it('offers what cannot be run for quantizing alone, with the reason', async () => {
    window.location.hash = `#/hub?repo=${encodeURIComponent(NAME)}`
    const message = 'The architecture NewForCausalLM cannot be run here.'
    setUp({ detail: detail({ runProblem: { code: 'unsupported', message } }) })
    expect(await screen.findByText(`It can be quantized, not run. ${message}`)).toBeDefined()
    fireEvent.click(screen.getByRole('button', { name: 'Quantize while downloading' }))
    expect(await screen.findByRole('dialog')).toBeDefined()
    expect(screen.queryByRole('checkbox', { name: /Measure perplexity/ })).toBeNull()
  })

  it('that is gated says the page to go to, and offers nothing that cannot work', async () => {
    window.location.hash = `#/hub?repo=${encodeURIComponent(NAME)}`
    const message = 'acme/tiny is gated: accept its conditions at https://hub.example/acme/tiny.'
    setUp({ detail: detail({ plan: null, problem: { code: 'access-denied', message } }) })
    expect(await screen.findByText(message)).toBeDefined()
    for (const name of [/Download/, 'Quantize while downloading']) {
      expect(screen.getByRole('button', { name })).toHaveProperty('disabled', true)
    }
  })

  it('has its card without raw HTML, pictures of strangers or the block of settings', async () => {
    window.location.hash = `#/hub?repo=${encodeURIComponent(NAME)}`
    setUp()
    const tab = await screen.findByRole('tab', { name: 'Model card' })
    fireEvent.mouseDown(tab, { button: 0 })
    expect(await screen.findByRole('heading', { name: 'A card' })).toBeDefined()
    const card = screen.getByRole('tabpanel')
    expect(card.querySelector('img')).toBeNull()
    expect(card.querySelector('b')).toBeNull()
    expect(card.textContent).not.toContain('license: mit')
  })
})
