/** From three bits to a report: answers side by side, a text of one's own, blind votes, and a file that opens without a network. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from '@playwright/test'
import { violations } from '../axe.ts'
import { expect, test } from '../fixtures.ts'
import { DifferencePage } from '../pages/difference-page.ts'
import { ARTIFACTS } from '../paths.ts'

const LOOKS = (['light', 'dark'] as const).flatMap((scheme) => [1280, 420].map((width) => ({ scheme, width })))

/** Light and dark, wide and narrow: a picture, nothing wider than the window, nothing that axe finds. */
async function look(page: Page, name: string): Promise<void> {
  for (const { scheme, width } of LOOKS) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await page.setViewportSize({ width: Math.max(width, name.startsWith('report') ? 0 : 640), height: 900 })
    await page.screenshot({ path: join(ARTIFACTS, 'screens', `${name}-${scheme}-${width}.png`), fullPage: true })
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    expect.soft(overflow, `${name} at ${width} px is wider than the window`).toBeLessThanOrEqual(0)
    expect.soft(await violations(page), `${name}, ${scheme}, ${width} px`).toEqual([])
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}

/** The saved file in a browser that has no network. */
async function openOffline(browser: Browser, path: string): Promise<Page> {
  const context = await browser.newContext({ offline: true })
  const page = await context.newPage()
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  // Saved under a name of the browser's own, without an extension.
  await page.setContent(readFileSync(path, 'utf8'))
  expect(asked).toEqual([])
  return page
}

test('three bits, seen from all sides', async ({ app, host, browser }) => {
  // Two measurements, three comparisons, some dozen analyses and pictures.
  test.slow()
  const { ui, page } = app
  const difference = new DifferencePage(page)
  await ui.goTo('Quantize')
  await ui.quantize.ready()
  await ui.quantize.applyPreset('3-bit')
  await ui.quantize.start({ name: 'Three bits', measure: false })
  await ui.quantize.expectState('Done')
  await ui.quantize.job().getByRole('button', { name: 'Compare' }).click()

  await difference.open('Side by side')
  await difference.ask('Once upon a time there was', 'Compare answers')
  await expect(difference.answer('Three bits')).toContainText(/mean KL [\d.]+ nats/, { timeout: 60_000 })
  // Three bits do not say the same as sixteen: the place is marked in both answers.
  await expect(page.getByText('parts here')).toHaveCount(2)
  await difference.tokens('Three bits').focus()
  await page.keyboard.press('ArrowRight')
  await expect(difference.answer('Three bits')).toContainText(/KL [\d.]+ nats; likelihood/)
  await look(page, 'side-by-side')

  await difference.open('On a text')
  await page
    .getByRole('textbox', { name: 'Text' })
    .fill('The king had three sons, and the youngest was a fool. '.repeat(4))
  await page.getByRole('button', { name: 'Compare on the text' }).click()
  const figures = page.getByRole('table', { name: 'Figures' })
  await expect(figures.getByRole('row', { name: /Three bits/ })).toContainText(/\d\.\d{4} ×/, { timeout: 60_000 })
  await look(page, 'on-a-text')

  await difference.open('Blind vote')
  for (const words of ['Left is better', 'No difference'] as const) {
    await difference.ask('The old woman said', 'Ask both')
    await expect(difference.side('Left')).not.toContainText('Three bits')
    await difference.vote(words)
    await expect(page.getByText('Three bits', { exact: true }).first()).toBeVisible()
  }
  await expect(page.getByText(/no difference 1$/)).toBeVisible()
  await look(page, 'blind-vote')
  await page.reload()
  await difference.open('Blind vote')
  await expect(page.getByText(/no difference 1$/), 'votes are kept').toBeVisible()

  test.skip(host === 'electron', 'Electron asks where to save with a native dialog, which no test can press')
  const { name, path } = await difference.report('HTML')
  expect(name).toBe('Three-bits-report.html')
  const report = await openOffline(browser, path)
  await expect(report.getByRole('heading', { level: 1 })).toHaveText('Three bits')
  await expect(report.getByRole('row', { name: /Divergence from the original, mean KL/ })).toContainText('nats')
  await expect(report.getByRole('row', { name: /^Perplexity \d/ }).getByRole('cell')).toHaveCount(3)
  await expect(report.getByText('npm run -s cli -- quantize')).toBeVisible()
  await look(report, 'report')
  await report.context().close()

  const markdown = readFileSync((await difference.report('Markdown')).path, 'utf8')
  expect(markdown).toContain('# Three bits')
  const json = JSON.parse(readFileSync((await difference.report('JSON')).path, 'utf8'))
  expect(json).toMatchObject({ format: 'hqq-studio-report', model: { name: 'Three bits' } })
})
