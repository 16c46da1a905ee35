import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { settingsSchema } from '../electron/contract/domain.ts'
import { App } from './app.tsx'
import { createFakeConnection, FAKE_HOST } from './testing/fake-connection.ts'
import { fillInDom } from './testing/render-screen.tsx'
import { sampleDetail, sampleJob, sampleModel } from './testing/samples.ts'

function setUp() {
  fillInDom()
  const fake = createFakeConnection({
    calls: {
      'settings.get': () => settingsSchema.parse({}),
      'models.inspect': () => sampleDetail(sampleModel()),
      'compare.rows': () => ({ sourceModelId: 'demo', rows: [] }),
    },
    streams: {
      'models.watch': () => [{ models: [sampleModel()] }],
      'jobs.watch': () => [{ jobs: [sampleJob()] }],
      'engine.watch': () => [{ state: 'ready', machine: null, version: '1', lastError: null, deaths: 0 }],
    },
  })
  render(<App connection={fake.connection} />)
  return fake
}

const press = (key: string, held: KeyboardEventInit = {}) => fireEvent.keyDown(document.body, { key, ...held })

beforeEach(() => {
  window.location.hash = ''
})
afterEach(cleanup)

describe('App', () => {
  it('names the landmarks and marks the shown screen', async () => {
    setUp()
    const rail = screen.getByRole('navigation', { name: 'Screens' })
    expect(within(rail).getByRole('link', { name: 'Models' }).getAttribute('aria-current')).toBe('page')
    expect(screen.getByRole('main')).toBeDefined()
    expect(await within(rail).findByRole('img', { name: 'A job is running, 75 % done' })).toBeDefined()
    await waitFor(() => expect(document.title).toBe('Models · HQQ Studio'))
  })

  it('goes to a screen by its keys', async () => {
    setUp()
    press('7', { ctrlKey: true })
    await waitFor(() => expect(window.location.hash).toBe('#/jobs'))
    expect(screen.getByRole('link', { name: 'Jobs' }).getAttribute('aria-current')).toBe('page')
  })

  it('finds a model in the palette and opens it', async () => {
    setUp()
    press('k', { ctrlKey: true })
    const field = await screen.findByPlaceholderText('Type a command or a model')
    fireEvent.change(field, { target: { value: 'quantize demo' } })
    fireEvent.keyDown(field, { key: 'Enter' })
    await waitFor(() => expect(window.location.hash).toBe('#/quantize?model=demo'))
    expect(screen.queryByPlaceholderText('Type a command or a model')).toBeNull()
  })

  it('lists the shortcuts that work now', async () => {
    setUp()
    press('?', { shiftKey: true })
    const dialog = await screen.findByRole('dialog', { name: 'Keyboard shortcuts' })
    expect(within(dialog).getByText('Go to Quantize')).toBeDefined()
  })

  it('says when the connection is gone, the engine restarts, or the page is too old', async () => {
    const fake = setUp()
    fake.connection.store.setState({ status: 'lost' })
    expect(await screen.findByText(/Not connected/)).toBeDefined()
    fake.connection.store.setState({ status: 'open' })
    await waitFor(() => expect(fake.openStreams('engine.watch')).toBe(1))
    fake.emit('engine.watch', { state: 'restarting', machine: null, version: null, lastError: null, deaths: 1 })
    expect(await screen.findByText(/engine stopped and is restarting/)).toBeDefined()
    fake.connection.store.setState({
      status: 'refused',
      host: FAKE_HOST,
      error: { code: 'version-mismatch', message: 'The app is version 2.' },
    })
    expect(await screen.findByText(/The app is version 2/)).toBeDefined()
  })
})
