import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { AppError } from '../../../electron/contract/errors.ts'
import { createFakeConnection, type FakeConnection } from '../../testing/fake-connection.ts'
import { renderScreen } from '../../testing/render-screen.tsx'
import { sampleDetail, sampleJob, sampleModel } from '../../testing/samples.ts'
import { ModelsPage } from './page.tsx'

const made = sampleModel({
  id: 'made',
  name: 'Demo 4-bit',
  origin: 'created',
  path: '/data/models/made',
  quantization: { label: '4-bit g64', mixed: false, bitsPerWeight: 4.5, sourceModelId: 'demo', method: 'hqq' },
  quantizeProblem: { code: 'unsupported', message: 'Quantize the original instead.' },
})

function setUp(models: ModelSummary[], calls: Parameters<typeof createFakeConnection>[0] = {}): FakeConnection {
  const fake = createFakeConnection({
    streams: { 'models.watch': () => [{ models }] },
    calls: {
      'models.inspect': ({ id }) => sampleDetail(models.find((model) => model.id === id) ?? sampleModel()),
      'compare.rows': () => ({ sourceModelId: 'demo', rows: [] }),
      ...calls.calls,
    },
  })
  renderScreen(<ModelsPage />, fake)
  return fake
}

beforeEach(() => {
  window.location.hash = ''
  localStorage.clear()
})
afterEach(cleanup)

describe('ModelsPage', () => {
  it('opens on the demo model and shows every tensor of it', async () => {
    setUp([made, sampleModel()])
    const library = await screen.findByRole('region', { name: 'Library' })
    const links = await within(library).findAllByRole('link')
    expect(links.map((link) => link.getAttribute('href'))).toEqual(['#/models?model=demo', '#/models?model=made'])
    expect(screen.getByRole('heading', { level: 2, name: 'Demo' })).toBeDefined()
    const tab = await screen.findByRole('tab', { name: /Tensors/ })
    fireEvent.mouseDown(tab)
    expect(await screen.findByText('model.layers.1.mlp.up_proj.weight')).toBeDefined()
    fireEvent.change(screen.getByRole('searchbox', { name: 'Filter by name' }), { target: { value: 'norm' } })
    expect(screen.getByText('2 of 7')).toBeDefined()
  })

  it('says what will be here when there is nothing', async () => {
    setUp([])
    expect(await screen.findByRole('button', { name: 'Add a model', description: '' })).toBeDefined()
    expect(screen.getByText(/Hugging Face format/)).toBeDefined()
  })

  it('dequantizes what is quantized, as a job', async () => {
    window.location.hash = '#/models?model=made'
    const fake = setUp([sampleModel(), made], { calls: { 'dequantize.start': () => sampleJob({ id: 'job-7' }) } })
    fireEvent.keyDown(await screen.findByRole('button', { name: 'More actions' }), { key: 'Enter' })
    fireEvent.click(await screen.findByRole('menuitem', { name: 'Dequantize' }))
    const dialog = await screen.findByRole('dialog', { name: 'Dequantize Demo 4-bit' })
    fireEvent.click(within(dialog).getByRole('radio', { name: 'bfloat16' }))
    fireEvent.click(within(dialog).getByRole('button', { name: 'Dequantize' }))
    await waitFor(() => expect(window.location.hash).toBe('#/jobs?job=job-7'))
    expect(fake.asked).toContainEqual({ method: 'dequantize.start', input: { modelId: 'made', dtype: 'bfloat16' } })
  })

  it('refuses to quantize twice, and says why', async () => {
    window.location.hash = '#/models?model=made'
    setUp([sampleModel(), made])
    expect(await screen.findByText('Quantize the original instead.')).toBeDefined()
    expect(screen.getByRole('button', { name: 'Quantize' })).toHaveProperty('disabled', true)
    expect(screen.getByRole('button', { name: 'Chat' })).toHaveProperty('disabled', false)
  })

  it('deletes a made model after saying what goes', async () => {
    window.location.hash = '#/models?model=made'
    const fake = setUp([sampleModel(), made], { calls: { 'models.remove': () => ({}) } })
    fireEvent.keyDown(await screen.findByRole('button', { name: 'More actions' }), { key: 'Enter' })
    fireEvent.click(await screen.findByRole('menuitem', { name: 'Delete' }))
    const dialog = await screen.findByRole('alertdialog', { name: 'Delete Demo 4-bit?' })
    expect(within(dialog).getByText(/\/data\/models\/made is deleted/)).toBeDefined()
    fireEvent.click(within(dialog).getByRole('button', { name: 'Delete' }))
    await waitFor(() => expect(fake.asked).toContainEqual({ method: 'models.remove', input: { id: 'made' } }))
    await waitFor(() => expect(window.location.hash).toBe('#/models?model=demo'))
  })

  it('shows a failed reading with its cause and tries again', async () => {
    let fails = true
    setUp([sampleModel()], {
      calls: {
        'models.inspect': () => {
          if (fails)
            throw new AppError('bad-file', 'The header of model.safetensors is cut off.', { path: '/models/demo' })
          return sampleDetail(sampleModel())
        },
      },
    })
    expect(await screen.findByText('The header of model.safetensors is cut off.')).toBeDefined()
    fails = false
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByRole('tab', { name: /Tensors/ })).toBeDefined()
  })

  it('adds a folder chosen from the list of the server', async () => {
    const fake = setUp([sampleModel()], {
      calls: {
        'files.list': () => ({
          path: '/home',
          parent: '/',
          entries: [
            { name: 'llama', path: '/home/llama', kind: 'folder', isModel: true, bytes: null },
            { name: 'notes', path: '/home/notes', kind: 'folder', isModel: false, bytes: null },
          ],
        }),
        'models.add': ({ path }) => sampleModel({ id: 'new', path, origin: 'added' }),
      },
    })
    fireEvent.click(await screen.findByRole('button', { name: 'Add a model' }))
    const dialog = await screen.findByRole('dialog', { name: 'Add a model' })
    const list = await within(dialog).findByRole('listbox')
    fireEvent.keyDown(list, { key: 'ArrowDown' })
    expect(within(dialog).getByRole('option', { name: /llama/ }).getAttribute('aria-selected')).toBe('true')
    fireEvent.click(within(dialog).getByRole('button', { name: 'Add this model' }))
    await waitFor(() => expect(fake.asked).toContainEqual({ method: 'models.add', input: { path: '/home/llama' } }))
    await waitFor(() => expect(window.location.hash).toBe('#/models?model=new'))
  })
})
