/** A model that sees: drop pictures, classify them, quantize to 3 bits, look again; accuracy, search, and pictures that are none. */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { expect, test } from '../fixtures.ts'
import { DEMO_PICTURES } from '../paths.ts'

const LABELS = ['red circle', 'green square', 'pink triangle', 'white star', 'blue ring']
const SMALL = 'CLIP 3-bit'

function picture(name: string) {
  return { name, type: 'image/png', bytes: readFileSync(join(DEMO_PICTURES, name)) }
}

/** A small picture whose header claims 9000 x 9000 pixels. */
function bomb(): Buffer {
  const bytes = Buffer.from(picture('test-01.png').bytes)
  // After the signature and the length of the chunk: IHDR, width, height.
  bytes.writeUInt32BE(9000, 16)
  bytes.writeUInt32BE(9000, 20)
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29)
  return bytes
}

test('drop a picture, classify, quantize to 3 bits, look again, compare', async ({ app }) => {
  test.slow()
  const { ui, page } = app
  const { vision } = ui

  await test.step('the demo models are offered', async () => {
    await ui.goTo('Vision')
    await vision.addDemos()
  })

  await test.step('dropped pictures get bars for each label', async () => {
    await vision.drop([picture('test-01.png'), picture('test-02.png')])
    await expect(vision.list().getByRole('listitem')).toHaveCount(2)
    await vision.setLabels(LABELS)
    await vision.classify()
    await expect(vision.score('red circle')).toContainText(/\d+\.\d/)
    await expect(vision.list().getByRole('listitem').filter({ hasText: 'test-01.png' })).toContainText('red circle')
    await expect(vision.list().getByRole('listitem').filter({ hasText: 'test-02.png' })).toContainText('green square')
  })

  await test.step('pictures that are none say why', async () => {
    const { bytes } = picture('test-03.png')
    await vision.drop([
      { name: 'cut off.png', type: 'image/png', bytes: bytes.subarray(0, bytes.length / 2) },
      { name: 'bomb.png', type: 'image/png', bytes: bomb() },
      { name: 'drawing.svg', type: 'image/svg+xml', bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>') },
    ])
    await expect(vision.list().getByText('cannot be read')).toHaveCount(3)
    for (const [name, why] of [
      ['cut off.png', /is damaged/],
      ['bomb.png', /claims 9000 x 9000 pixels/],
      ['drawing.svg', /no PNG, JPEG or WebP/],
    ] as const) {
      await vision
        .list()
        .getByRole('button', { name: new RegExp(`^${name}`) })
        .click()
      await expect(page.getByRole('region', { name }).getByText(why)).toBeVisible()
    }
  })

  await test.step('quantize to 3 bits', async () => {
    await ui.goTo('Quantize')
    await ui.quantize.pickModel('Demo CLIP')
    await ui.quantize.applyPreset('3-bit')
    await ui.quantize.start({ name: SMALL })
    await ui.quantize.expectState('Done')
  })

  await test.step('both versions stand side by side', async () => {
    await ui.goTo('Vision')
    await expect(vision.version(SMALL)).toBeChecked()
    await vision
      .list()
      .getByRole('button', { name: /^test-01.png/ })
      .click()
    await vision.classify()
    const scores = page.getByRole('table', { name: 'Scores' })
    await expect(scores.getByRole('columnheader', { name: /3-bit/ })).toBeVisible()
    await expect(vision.score('red circle').getByRole('cell')).toHaveCount(2)
    await expect(vision.score('red circle').getByRole('cell').nth(1)).toContainText(/\d+\.\d/)
  })

  await test.step('accuracy of both on the labelled folder', async () => {
    await page.getByRole('button', { name: 'Take the labelled folder' }).click()
    await vision.measure()
    await expect(vision.accuracy().getByRole('row').filter({ hasText: SMALL })).toContainText(/\d+\.\d %/)
  })

  await test.step('Compare has it, and the divergence over the labels', async () => {
    await ui.goTo('Compare')
    await page.getByRole('combobox', { name: 'Model' }).click()
    await page.getByRole('option', { name: /^Demo CLIP/ }).click()
    const row = ui.compare.row(SMALL)
    await expect(row.getByRole('button', { name: /Top-1 of CLIP 3-bit/ })).toBeVisible()
    await row.getByRole('button', { name: `Measure ${SMALL}` }).click()
    const dialog = page.getByRole('dialog', { name: 'Measure' })
    await dialog.getByRole('checkbox', { name: 'Divergence from the original' }).check()
    // On the pictures that were measured on last.
    await expect(dialog.getByText(DEMO_PICTURES, { exact: true })).toBeVisible()
    await dialog.getByRole('button', { name: 'Measure 1 version' }).click()
    const kl = row.getByRole('button', { name: /Mean KL of CLIP 3-bit/ })
    await expect(kl).toContainText('nats', { timeout: 120_000 })
    await kl.click()
    await expect(page.getByRole('dialog', { name: /Mean KL of/ })).toContainText('zero-shot')
    await page.keyboard.press('Escape')
  })

  await test.step('so has the report', async () => {
    await page.getByRole('button', { name: 'Report' }).click()
    await page.getByRole('dialog').getByRole('radio', { name: 'Markdown' }).click()
    const download = page.waitForEvent('download')
    await page.getByRole('dialog').getByRole('button', { name: 'Save report' }).click()
    const report = readFileSync(await (await download).path(), 'utf8')
    expect(report).toMatch(/Accuracy, top-1 \| 100\s% \| [\d.]+\s%/)
    expect(report).toMatch(/mean KL \| {2}\| [\d.e-]+\snats/)
    expect(report).toContain('cli -- evaluate --model')
  })
})

test('accuracy of a folder and search in it', async ({ app, folder }) => {
  const { ui, page } = app
  const { vision } = ui
  const pictures = join(folder, 'pictures')
  for (const [label, name] of [
    ['red circle', 'test-01.png'],
    ['green square', 'test-02.png'],
    ['pink triangle', 'test-03.png'],
    ['white star', 'test-04.png'],
  ] as const) {
    mkdirSync(join(pictures, label), { recursive: true })
    copyFileSync(join(DEMO_PICTURES, name), join(pictures, label, name))
  }
  // Its label is wrong, and it is no picture.
  copyFileSync(join(DEMO_PICTURES, 'labels.json'), join(pictures, 'white star', 'broken.png'))

  await ui.goTo('Vision')
  await vision.addDemos()
  await vision.show('Accuracy')
  await vision.chooseFolder(pictures)
  await expect(page.getByText('5 pictures, 5 of them with one of 4 labels.')).toBeVisible()
  await vision.measure()
  await expect(vision.accuracy().getByRole('row').filter({ hasText: 'Demo CLIP' })).toContainText('80.0 %')
  await expect(page.getByText('1 picture could not be read and counts as wrong')).toBeVisible()
  // What is wrong stands before what is right.
  await expect(vision.answers().getByRole('row').nth(1)).toContainText('broken.png')
  await expect(vision.answers().getByRole('row').nth(2).getByRole('img', { name: 'right' })).toBeVisible()

  await vision.show('Search')
  await page.getByRole('textbox', { name: 'Look for' }).fill('a photo of a white star')
  await page.getByRole('button', { name: 'Search', exact: true }).click()
  const found = page.getByRole('list', { name: 'Found pictures' }).getByRole('listitem')
  await expect(found).toHaveCount(4, { timeout: 60_000 })
  await expect(found.first()).toContainText('test-04.png')
  await expect(page.getByRole('list', { name: 'Pictures that cannot be read' })).toContainText('broken.png')
  await page.getByRole('button', { name: 'More like red circle/test-01.png' }).click()
  await expect(found.first()).toContainText('test-01.png')
  await expect(found.first()).toContainText('1.000')
})

test('ask about a picture in a chat, quantize to 3 bits, ask again', async ({ app }) => {
  test.slow()
  const { ui, page } = app
  const { chat } = ui
  const small = 'LLaVA 3-bit'
  await ui.goTo('Vision')
  await ui.vision.addDemos()
  await ui.goTo('Chat')

  await test.step('a model that reads text alone says so', async () => {
    await chat.addPictures([join(DEMO_PICTURES, 'test-01.png')])
    await expect(chat.pictures().getByRole('listitem')).toHaveCount(1)
    await expect(page.getByRole('alert').filter({ hasText: 'Demo model reads text alone' })).toBeVisible()
    await chat.composer().fill('What is in this picture?')
    await expect(page.getByRole('button', { name: 'Send' })).toBeDisabled()
  })

  await test.step('one that sees answers, and the picture stays with the conversation', async () => {
    await chat.pickModel('Demo LLaVA')
    await expect(page.getByRole('alert').filter({ hasText: 'reads text alone' })).toBeHidden()
    await chat.makeRepeatable(32)
    await chat.addPictures([{ name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no picture') }])
    await expect(chat.pictures()).toContainText('broken.png is no PNG, JPEG or WebP picture')
    await chat.pictures().getByRole('button', { name: 'Take broken.png out' }).click()
    const answer = await chat.askAndWait('What is in this picture?')
    await expect(answer).toContainText(/red circle/)
    await expect(chat.questions().getByRole('img', { name: 'test-01.png' })).toBeVisible()
    await page.reload()
    await expect(chat.questions().getByRole('img', { name: 'test-01.png' })).toBeVisible()
    await expect(await chat.askAndWait('What colour is the circle?')).toContainText(/red/)
  })

  await test.step('so does the version of 3 bits', async () => {
    await ui.goTo('Quantize')
    await ui.quantize.pickModel('Demo LLaVA')
    await ui.quantize.applyPreset('3-bit')
    await ui.quantize.start({ name: small, measure: false })
    await ui.quantize.expectState('Done')
    await ui.goTo('Chat')
    await page.getByRole('button', { name: 'New chat' }).click()
    await chat.pickModel(small)
    await chat.makeRepeatable(32)
    await chat.addPictures([join(DEMO_PICTURES, 'test-01.png')])
    await expect(await chat.askAndWait('What is in this picture?')).toContainText(/red circle/)
  })
})
