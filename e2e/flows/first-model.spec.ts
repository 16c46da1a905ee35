/** The way of a newcomer: from the first start to a chat with a model they quantized, and everything still there after a restart. */
import { expect, test } from '../fixtures.ts'

const NAME = 'My first quantization'
const FIRST_LAYER = 'model.layers.0.self_attn.v_proj'
const SECOND_LAYER = 'model.layers.5.mlp.down_proj'
const QUESTION = 'Tell me about rivers.'

test('quantize the demo model with two layers changed by hand, compare, chat, restart', async ({ start }) => {
  test.slow()
  const app = await start()
  const { ui, page } = app

  await test.step('the demo model is there', async () => {
    await ui.goTo('Models')
    await expect(ui.models.library().getByRole('link').first()).toContainText('Demo')
  })

  await test.step('choose bits', async () => {
    await ui.goTo('Quantize')
    await ui.quantize.ready()
    await ui.quantize.applyPreset('4-bit')
    await ui.quantize.setLayerBits(FIRST_LAYER, 8)
    await ui.quantize.setLayerBits(SECOND_LAYER, 2)
    await expect(ui.quantize.preset()).toContainText('Own choices')
  })

  await test.step('read the resolved table', async () => {
    const dialog = await ui.quantize.review()
    await dialog.getByRole('searchbox', { name: 'Filter tensors' }).fill(FIRST_LAYER)
    await expect(dialog.getByRole('row').filter({ hasText: FIRST_LAYER })).toContainText('8-bit')
    await page.keyboard.press('Escape')
    await expect(dialog).toBeHidden()
  })

  await test.step('quantize and watch it finish', async () => {
    await ui.quantize.start({ name: NAME })
    await ui.quantize.expectState('Done')
    await expect(ui.quantize.errorGrid().getByRole('gridcell').first()).toHaveAccessibleName(/error/)
  })

  await test.step('compare', async () => {
    await ui.quantize.job().getByRole('button', { name: 'Compare' }).click()
    await expect(page.getByRole('main')).toContainText(NAME)
    await expect(page.getByRole('main')).toContainText(/perplexity/i)
  })

  let answer = ''
  await test.step('chat with the result', async () => {
    await ui.goTo('Chat')
    await ui.chat.pickModel(NAME)
    await ui.chat.makeRepeatable(24)
    const article = await ui.chat.askAndWait(QUESTION)
    await expect(article).toContainText(NAME)
    answer = await article.locator('.markdown').innerText()
    expect(answer.length).toBeGreaterThan(20)
  })

  await app.stop()
  const again = await start()

  await test.step('all still there after a restart', async () => {
    await again.ui.goTo('Models')
    await expect(again.ui.models.model(NAME)).toBeVisible()
    await again.ui.goTo('Jobs')
    await expect(again.ui.jobs.job(/^Quantize Demo model/)).toContainText('Done')
    await again.ui.goTo('Compare')
    await expect(again.page.getByRole('main')).toContainText(NAME)
    await again.ui.goTo('Chat')
    await again.ui.chat.list().getByRole('button').filter({ hasText: QUESTION }).first().click()
    await expect(again.ui.chat.answers().locator('.markdown')).toHaveText(answer)
  })

  await test.step('and it answers as before', async () => {
    await again.ui.chat.answers().getByRole('button', { name: 'Regenerate' }).click()
    await expect(again.ui.toast('Answer replaced')).toBeVisible()
    await expect(again.ui.chat.answers().locator('.markdown')).toHaveText(answer, { timeout: 60_000 })
  })
})
