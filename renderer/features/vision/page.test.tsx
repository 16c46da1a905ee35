import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, expect, it } from 'vitest'
import { settingsSchema } from '../../../electron/contract/domain.ts'
import { AppError } from '../../../electron/contract/errors.ts'
import type { VisionSummary } from '../../../electron/contract/vision.ts'
import { createFakeConnection } from '../../testing/fake-connection.ts'
import { renderScreen } from '../../testing/render-screen.tsx'
import { sampleModel } from '../../testing/samples.ts'
import { VisionPage } from './page.tsx'

const CLIP: VisionSummary = { kind: 'clip', imageSize: 8, patchSize: 4, pictureTokens: null, towers: [] }
const WRITES_NOTHING = new AppError('unsupported', 'This model writes no text.').toShape()
const original = sampleModel({ id: 'eyes', name: 'Eyes', origin: 'added', vision: CLIP, runProblem: WRITES_NOTHING })
const small = sampleModel({
  ...original,
  ...{ id: 'small', name: 'Eyes 3-bit', origin: 'created' },
  quantization: { label: '3-bit g64', mixed: false, bitsPerWeight: 3.5, sourceModelId: 'eyes', method: 'hqq' },
})
const PNG_ID = 'a'.repeat(64)

function setUp(models = [original, small]) {
  const fake = createFakeConnection({
    calls: {
      'settings.get': () => settingsSchema.parse({}),
      'settings.set': (change) => ({ ...settingsSchema.parse({}), visionDemos: change.visionDemos ?? false }),
      'images.add': ({ source }) => {
        if (source.kind === 'data' && source.name === 'bad.png') throw new AppError('bad-file', 'bad.png is damaged.')
        return { id: PNG_ID, name: 'good.png', width: 8, height: 8, bytes: 3 }
      },
      'images.thumbnail': () => ({ dataUrl: 'data:image/webp;base64,', width: 8, height: 8 }),
    },
    streams: { 'models.watch': () => [{ models }] },
  })
  renderScreen(<VisionPage />, fake)
  return fake
}

afterEach(() => {
  cleanup()
  localStorage.clear()
  window.location.hash = ''
})

it('offers the demo models where none sees', async () => {
  const fake = setUp([sampleModel()])
  fireEvent.click(await screen.findByRole('button', { name: 'Add the demo models' }))
  await waitFor(() => expect(fake.asked).toContainEqual({ method: 'settings.set', input: { visionDemos: true } }))
})

it('classifies dropped pictures with every version, and tells what is wrong with one', async () => {
  const fake = setUp()
  const area = await screen.findByRole('region', { name: 'Pictures' })
  const files = [new File(['x'], 'good.png', { type: 'image/png' }), new File(['y'], 'bad.png', { type: 'image/png' })]
  fireEvent.drop(area, { dataTransfer: { files, types: ['Files'] } })
  const list = await screen.findByRole('list', { name: 'Pictures to look at' })
  await within(list).findByText('cannot be read')
  fireEvent.change(screen.getByRole('textbox', { name: 'Labels' }), { target: { value: 'cat, dog' } })
  const classify = screen.getByRole('button', { name: 'Classify' })
  await waitFor(() => expect(classify).toHaveProperty('disabled', false))
  fireEvent.click(classify)

  for (const [modelId, probabilities] of [
    ['eyes', [0.9, 0.1]],
    ['small', [0.25, 0.75]],
  ] as const) {
    await waitFor(() =>
      expect(fake.asked.at(-1)).toEqual({
        method: 'vision.classify',
        input: {
          modelId,
          images: [{ kind: 'stored', id: PNG_ID }],
          labels: ['cat', 'dog'],
          template: 'a photo of a {}',
        },
      }),
    )
    fake.emit('vision.classify', { type: 'image', index: 0, logits: [0, 0], probabilities: [...probabilities] })
    fake.finish('vision.classify', { prompts: [], seconds: 1 })
  }
  const scores = await screen.findByRole('table', { name: 'Scores' })
  await within(scores).findByRole('columnheader', { name: '3-bit g64' })
  expect(
    within(scores)
      .getAllByRole('row')
      .map((row) => row.textContent?.replaceAll('\u00a0', ' ')),
  ).toEqual(['Labeloriginal3-bit g64', 'cat90.0 %25.0 %', 'dog10.0 %75.0 %'])
  fireEvent.click(within(list).getByRole('button', { name: /^bad.png/ }))
  await screen.findByText('bad.png is damaged.')
})

it('needs a place for the label in the template', async () => {
  setUp()
  fireEvent.change(await screen.findByRole('textbox', { name: 'Prompt template' }), { target: { value: 'a photo' } })
  await screen.findByText('The template needs {} where the label goes.')
})
