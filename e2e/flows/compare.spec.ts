/** Comparing a quantized model with its original: the same protocol for both, charts with table twins, and the numbers as a file. */
import { readFileSync } from 'node:fs'
import { expect, test } from '../fixtures.ts'

test('the original is measured like the result, and both leave as CSV', async ({ app, host }) => {
  // Two perplexities over 20,000 tokens.
  test.slow()
  const { ui, page } = app
  await ui.goTo('Quantize')
  await ui.quantize.ready()
  await ui.quantize.applyPreset('4-bit')
  await ui.quantize.start({ name: 'Four bits' })
  await ui.quantize.expectState('Done')
  await ui.quantize.job().getByRole('button', { name: 'Compare' }).click()
  await ui.compare.measureOriginal()
  // Both perplexities are known, so the loss is: a few percent on this model.
  await expect(ui.compare.row('Four bits')).toContainText(/\+\d+(\.\d+)?\s%/)

  await page.getByRole('radio', { name: 'Table' }).first().click()
  await expect(
    page.getByRole('table').or(page.getByRole('grid')).filter({ hasText: 'Four bits' }).first(),
  ).toBeVisible()

  test.skip(host === 'electron', 'Electron asks where to save with a native dialog, which no test can press')
  await page.getByRole('button', { name: 'Export' }).click()
  const download = page.waitForEvent('download')
  await page.getByRole('menuitem', { name: /CSV/ }).click()
  const text = readFileSync(await (await download).path(), 'utf8')
  expect(text).toContain('Four bits')
  expect(text.toLowerCase()).toContain('perplexity')
})
