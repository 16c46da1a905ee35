/** Every screen, light and dark: no accessibility violations, nothing wider than the window, and a screenshot to look at. */
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { violations as violationsOn, WCAG } from '../axe.ts'
import { expect, test } from '../fixtures.ts'
import { type AppPage, SCREENS } from '../pages/app-page.ts'
import { ARTIFACTS } from '../paths.ts'

const WIDTHS = [1024, 1440, 2560] as const

async function violations(page: Page, tags?: readonly string[]): Promise<string[]> {
  // A screen loads on first use; before its heading is there, only the frame would be judged.
  await expect(page.locator('h1').first()).toBeAttached()
  return violationsOn(page, tags)
}

/** Pictures on which something is to be seen: a quantized model, a job, a conversation. */
async function fill(ui: AppPage): Promise<void> {
  await ui.goTo('Quantize')
  await ui.quantize.ready()
  await ui.quantize.applyPreset('Small 2-bit, 4-bit attention')
  await ui.quantize.start({ name: 'Small demo' })
  await ui.quantize.expectState('Done')
  await ui.goTo('Chat')
  await ui.chat.makeRepeatable(48)
  await ui.chat.askAndWait('Tell me about rivers.')
  await ui.goTo('Vision')
  await ui.vision.addDemos()
  await ui.page.getByRole('button', { name: 'Take the demo pictures' }).click()
  await expect(ui.vision.list()).toBeVisible()
  await ui.vision.drop([{ name: 'broken.png', type: 'image/png', bytes: Buffer.from('not a picture') }])
  await expect(ui.vision.list()).toContainText('cannot be read')
  await ui.vision.classify()
  await expect(ui.page.getByRole('table', { name: 'Scores' })).toBeVisible()
}

for (const scheme of ['light', 'dark'] as const) {
  test(`all screens in ${scheme}`, async ({ app }) => {
    // A job, an answer, nine analyses and some twenty pictures.
    test.slow()
    await app.page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    for (const screen of ['Models', 'Jobs', 'Compare', 'Vision'] as const) {
      await app.ui.goTo(screen)
      await app.page.waitForLoadState('networkidle')
      expect.soft(await violations(app.page), `${screen}, still empty`).toEqual([])
      await app.page.screenshot({ path: join(ARTIFACTS, 'screens', `${screen}-empty-${scheme}.png`.toLowerCase()) })
    }
    await fill(app.ui)
    for (const screen of SCREENS) {
      await app.ui.goTo(screen)
      for (const width of WIDTHS) {
        await app.page.setViewportSize({ width, height: 900 })
        await expect(app.page.getByRole('main')).toBeVisible()
        const overflow = await app.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
        expect.soft(overflow, `${screen} at ${width} px is wider than the window`).toBeLessThanOrEqual(0)
        const name = `${screen}-${width}-${scheme}.png`.toLowerCase()
        await app.page.screenshot({ path: join(ARTIFACTS, 'screens', name) })
      }
      await app.page.setViewportSize({ width: 1440, height: 900 })
      expect.soft(await violations(app.page), screen).toEqual([])
    }
  })
}

test('the dialogs have no violations either', async ({ app }) => {
  await app.ui.goTo('Quantize')
  await app.ui.quantize.ready()
  await app.ui.quantize.review()
  expect.soft(await violations(app.page), 'resolved table').toEqual([])
  await app.page.keyboard.press('Escape')
  await app.page.keyboard.press('Control+k')
  await expect(app.page.getByRole('dialog')).toBeVisible()
  expect.soft(await violations(app.page), 'command palette').toEqual([])
  await app.page.keyboard.press('Escape')
  await app.page.locator('body').press('?')
  await expect(app.page.getByRole('dialog')).toBeVisible()
  expect.soft(await violations(app.page), 'shortcuts').toEqual([])
})

for (const scheme of ['light', 'dark'] as const) {
  test(`open lists have no violations in ${scheme}`, async ({ app }) => {
    await app.page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await app.ui.goTo('Quantize')
    await app.ui.quantize.ready()
    for (const name of ['Model', 'Preset']) {
      await app.page.getByRole('combobox', { name }).click()
      await expect(app.page.getByRole('listbox')).toBeVisible()
      // The rest of the page is out of reach, and with it the landmarks and headings that best practice asks for.
      expect.soft(await violations(app.page, WCAG), `the list of ${name}`).toEqual([])
      await app.page.keyboard.press('Escape')
      await expect(app.page.getByRole('listbox')).toBeHidden()
      await expect(app.page.getByRole('combobox', { name })).toBeFocused()
    }
  })
}

test('every screen is reached by keyboard alone', async ({ app }) => {
  for (const [index, screen] of SCREENS.entries()) {
    await app.page.keyboard.press(`Control+${index + 1}`)
    await expect(app.ui.rail().getByRole('link', { name: screen })).toHaveAttribute('aria-current', 'page')
  }
})
