import { act, cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Answer, ComparedToken, DivergenceSummary, Tally } from '../../../electron/contract/difference.ts'
import type { CompareRow } from '../../../electron/contract/domain.ts'
import { AppError } from '../../../electron/contract/errors.ts'
import { createFakeConnection } from '../../testing/fake-connection.ts'
import { renderScreen } from '../../testing/render-screen.tsx'
import { sampleModel } from '../../testing/samples.ts'
import { ComparePage } from './page.tsx'

const original = sampleModel({ id: 'demo', name: 'Demo' })
const small = sampleModel({
  id: 'demo-3',
  name: 'Demo 3-bit',
  addedAt: '2026-02-01T00:00:00Z',
  quantization: { label: '3-bit g64', mixed: false, bitsPerWeight: 3.5, sourceModelId: 'demo', method: 'hqq' },
})
const parts = { weights: 100, metadata: 10, kvCache: 5, scratch: 3, other: 2 }
const common = { predicted: parts, contextLength: 1024, measurements: [], quantizeSeconds: null, tensors: [] }
const rows: CompareRow[] = [
  { ...common, model: original, role: 'original', meanRelativeError: null },
  { ...common, model: small, role: 'quantized', meanRelativeError: 0.2 },
]

const summary: DivergenceSummary = {
  tokens: 2,
  windows: 1,
  meanKl: 0.25,
  p99Kl: 0.49,
  maxKl: 0.5,
  topAgreement: 0.5,
  referencePerplexity: 4,
  perplexity: 5,
  perplexityRatio: 1.25,
}

function token(text: string, kl: number | null, top = text): ComparedToken {
  if (kl === null) return { text, seen: null }
  const likelihoods = { referenceProbability: 0.6, probability: 0.4, referenceTopProbability: 0.6, topProbability: 0.5 }
  return { text, seen: { kl, top, referenceTop: text, ...likelihoods } }
}

const answer = (part: Partial<Answer>): Answer => ({
  modelId: 'demo',
  text: ' was a king',
  tokens: [token(' was', null), token(' a king', null)],
  finishReason: 'length',
  tokensPerSecond: 50,
  firstDifference: null,
  summary: null,
  ...part,
})

const NO_VOTES: Tally = { first: 0, second: 0, ties: 0, share: null, interval: null, pValue: null }

function setUp(versions: CompareRow[] = rows) {
  let tally = NO_VOTES
  const fake = createFakeConnection({
    calls: {
      'compare.rows': () => ({ sourceModelId: 'demo', rows: versions }),
      'blind.tally': () => tally,
      'blind.vote': () => {
        tally = { first: 0, second: 1, ties: 0, share: 0, interval: [0, 0.79], pValue: 1 }
        return { left: 'demo-3', right: 'demo', tally }
      },
      'blind.clear': () => {
        tally = NO_VOTES
        return {}
      },
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

async function open(tab: string | RegExp) {
  fireEvent.mouseDown(await screen.findByRole('tab', { name: tab }), { button: 0 })
}

beforeEach(() => {
  window.location.hash = '#/compare'
})
afterEach(cleanup)

describe('side by side', () => {
  async function ask(fake: ReturnType<typeof setUp>) {
    await open('Side by side')
    const button = await screen.findByRole('button', { name: 'Compare answers' })
    expect(button).toHaveProperty('disabled', true)
    fireEvent.change(screen.getByRole('textbox', { name: 'Prompt' }), { target: { value: 'There' } })
    fireEvent.click(button)
    await waitFor(() => expect(fake.openStreams('compare.answers')).toBe(1))
  }

  it('asks the original and the newest version, and shows answers as they are written', async () => {
    const fake = setUp()
    await ask(fake)
    expect(fake.asked.find(({ method }) => method === 'compare.answers')?.input).toMatchObject({
      modelIds: ['demo', 'demo-3'],
      prompt: { kind: 'text', text: 'There' },
      sampling: { temperature: 0, maxNewTokens: 64 },
    })
    act(() => fake.emit('compare.answers', { type: 'text', modelId: 'demo', delta: ' was a' }))
    expect(within(await screen.findByRole('article', { name: 'Answer of Demo' })).getByText('was a')).toBeDefined()
    fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
    await waitFor(() => expect(fake.openStreams('compare.answers')).toBe(0))
  })

  it('marks where they part, and gives the numbers of each token to keyboard and pointer', async () => {
    const fake = setUp()
    await ask(fake)
    const other = answer({
      modelId: 'demo-3',
      text: ' was one',
      tokens: [token(' was', 0.001), token(' one', 0.5, ' two')],
      firstDifference: 1,
      summary,
    })
    act(() =>
      fake.finish('compare.answers', {
        answers: [answer({}), other],
        seed: 7,
        together: false,
        computeDtype: 'float32',
        device: 'cpu',
      }),
    )
    const column = await screen.findByRole('article', { name: 'Answer of Demo 3-bit' })
    expect(
      within(column).getByText(/mean KL 0\.250 nats, same likeliest token 50\.0 %, parts at token 2/),
    ).toBeDefined()
    expect(screen.getAllByText('parts here')).toHaveLength(2)
    expect(screen.getByText(/loaded one by one/)).toBeDefined()
    const text = within(column).getByRole('group', { name: 'Answer of Demo 3-bit, token by token' })
    expect(text.querySelector('[data-token="0"]')?.getAttribute('style')).toBeNull()
    expect(text.querySelector('[data-token="1"]')?.getAttribute('style')).toContain('background-color')
    fireEvent.keyDown(text, { key: 'ArrowRight' })
    fireEvent.keyDown(text, { key: 'ArrowRight' })
    expect(within(column).getByText(/“ one”: KL 0\.500 nats; likelihood 40\.0 %, reference 60\.0 %/)).toBeDefined()
    expect(text.querySelector('[data-active]')?.textContent).toBe(' one')
    const first = text.querySelector('[data-token="0"]')
    if (first === null) throw new Error('no first token')
    fireEvent.pointerOver(first)
    expect(within(column).getByText(/“ was”: KL/)).toBeDefined()
  })

  it('keeps its answers while another view is shown, and says what is missing where nothing can be compared', async () => {
    const fake = setUp()
    await ask(fake)
    act(() => fake.emit('compare.answers', { type: 'text', modelId: 'demo', delta: ' was a' }))
    await open(/^Versions/)
    await open('Side by side')
    expect(await screen.findByRole('article', { name: 'Answer of Demo' })).toBeDefined()
    cleanup()
    expect(fake.openStreams('compare.answers')).toBe(0)
    setUp(rows.slice(0, 1))
    await open('Side by side')
    expect(await screen.findByText('Two versions that run here are needed')).toBeDefined()
  })
})

describe('on a text', () => {
  it('shows figures that open to their protocol, and the text', async () => {
    const fake = setUp()
    await open('On a text')
    fireEvent.change(await screen.findByRole('textbox', { name: 'Text' }), { target: { value: 'so it goes' } })
    fireEvent.click(screen.getByRole('button', { name: 'Compare on the text' }))
    await waitFor(() => expect(fake.openStreams('compare.text')).toBe(1))
    act(() =>
      fake.finish('compare.text', {
        cut: true,
        protocol: {
          protocol: 'windows',
          window: 3,
          text: 'a text of your own',
          textSha256: 'abc',
          streamTokens: 3,
          specialIds: [1],
          temperature: 1,
          computeDtype: 'float32',
          device: 'cpu',
          simd: 'avx2',
          threads: 2,
          loaded: 'together',
        },
        versions: [{ modelId: 'demo-3', summary, tokens: [token('so', null), token(' it', 0.5)] }],
      }),
    )
    const table = await screen.findByRole('table', { name: 'Figures' })
    for (const text of ['0.250 nats', '0.490 nats', '5.000', '1.2500 ×']) {
      expect(within(table).getByText(text)).toBeDefined()
    }
    expect(screen.getByText(/which were left out/)).toBeDefined()
    fireEvent.click(within(table).getByRole('button', { name: /Mean KL of Demo 3-bit/ }))
    expect(within(await screen.findByRole('dialog')).getByText('a text of your own')).toBeDefined()
  })
})

describe('blind vote', () => {
  it('hides who wrote what until the vote, then tells and counts', async () => {
    const fake = setUp()
    await open('Blind vote')
    expect(await screen.findByText(/None between these two/)).toBeDefined()
    fireEvent.change(screen.getByRole('textbox', { name: 'Prompt' }), { target: { value: 'There' } })
    fireEvent.click(screen.getByRole('button', { name: 'Ask both' }))
    await waitFor(() => expect(fake.openStreams('blind.ask')).toBe(1))
    act(() => fake.emit('blind.ask', { type: 'text', side: 'left', delta: 'one' }))
    expect(screen.getByRole('button', { name: 'Left is better' })).toHaveProperty('disabled', true)
    act(() => fake.finish('blind.ask', { id: 'pair', left: 'one', right: 'two' }))
    const left = screen.getByRole('article', { name: 'Left' })
    await waitFor(() =>
      expect(screen.getByRole('button', { name: 'Left is better' })).toHaveProperty('disabled', false),
    )
    expect(within(left).queryByText('Demo 3-bit')).toBeNull()
    fireEvent.click(screen.getByRole('button', { name: 'Left is better' }))
    expect(await within(left).findByText('Demo 3-bit')).toBeDefined()
    expect(within(left).getByText('your choice')).toBeDefined()
    expect(fake.asked.find(({ method }) => method === 'blind.vote')?.input).toEqual({ id: 'pair', ballot: 'left' })
    expect(await screen.findByText('Demo 0, Demo 3-bit 1, no difference 0')).toBeDefined()
    expect(screen.getByText(/do not tell the two apart/)).toBeDefined()
    expect(screen.getByRole('button', { name: 'Left is better' })).toHaveProperty('disabled', true)
    fireEvent.click(screen.getByRole('button', { name: 'Forget these votes' }))
    expect(await screen.findByText(/None between these two/)).toBeDefined()
  })
})

describe('the report', () => {
  it('is made in the chosen format and saved', async () => {
    const fake = setUp()
    const saved = vi.fn(() => 'blob:report')
    vi.stubGlobal('URL', Object.assign(URL, { createObjectURL: saved, revokeObjectURL: () => undefined }))
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => undefined)
    fireEvent.click(await screen.findByRole('button', { name: 'Report' }))
    const dialog = await screen.findByRole('dialog', { name: 'Save a report' })
    fireEvent.click(within(dialog).getByRole('radio', { name: 'Markdown' }))
    fireEvent.click(within(dialog).getByRole('button', { name: 'Save report' }))
    await waitFor(() => expect(fake.openStreams('report.make')).toBe(1))
    expect(fake.asked.find(({ method }) => method === 'report.make')?.input).toEqual({
      modelId: 'demo-3',
      format: 'md',
      measure: 'missing',
    })
    act(() => fake.finish('report.make', { fileName: 'a.md', mediaType: 'text/markdown', text: '# A' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(saved).toHaveBeenCalledOnce()
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
  })

  it('stays open with the reason when it could not be made', async () => {
    const fake = setUp()
    fireEvent.click(await screen.findByRole('button', { name: 'Report' }))
    fireEvent.click(await screen.findByRole('button', { name: 'Save report' }))
    await waitFor(() => expect(fake.openStreams('report.make')).toBe(1))
    act(() => fake.reconnect())
    expect(await screen.findByText(new AppError('connection-lost', 'lost').message)).toBeDefined()
  })
})
