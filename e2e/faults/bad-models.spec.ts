/** Folders that cannot be used: each gives a sentence that names the cause, and the app goes on. */
import { join } from 'node:path'
import { hostileHeader, truncated, unsupportedArchitecture, withNan, withoutTokenizer } from '../data/bad-models.ts'
import { expect, test } from '../fixtures.ts'

const REFUSED = [
  { name: 'a truncated file', make: truncated, words: /model\.safetensors/ },
  { name: 'a hostile header', make: hostileHeader, words: /model\.safetensors|header/ },
  { name: 'an architecture we do not run', make: unsupportedArchitecture, words: /mamba/i },
]

for (const { name, make, words } of REFUSED) {
  test(`${name} is named @web`, async ({ app, folder }) => {
    await app.ui.goTo('Models')
    await app.ui.models.addFolder(make(join(folder, 'broken')))
    await expect(app.page.getByRole('main')).toContainText(words)
    await app.ui.goTo('Chat')
    await app.ui.chat.makeRepeatable(8)
    await app.ui.chat.askAndWait('Hello')
  })
}

test('a model without a tokenizer can be quantized but says why it cannot chat @web', async ({ app, folder }) => {
  await app.ui.goTo('Models')
  await app.ui.models.addFolder(withoutTokenizer(join(folder, 'silent')))
  await expect(app.page.getByRole('main')).toContainText(/tokenizer/i)
})

test('a NaN weight fails the job with the name of the tensor @web', async ({ app, folder }) => {
  await app.ui.goTo('Models')
  await app.ui.models.addFolder(withNan(join(folder, 'with-nan')))
  await app.ui.goTo('Quantize')
  await app.ui.quantize.pickModel('with-nan')
  await app.ui.quantize.start({ measure: false })
  await app.ui.quantize.expectState('Failed')
  await expect(app.page.getByRole('alert')).toContainText('model.layers.2.mlp.up_proj')
})
