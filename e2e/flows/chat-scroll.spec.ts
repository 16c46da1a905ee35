/** Text that keeps coming must not pull away a reader who scrolled up. The text comes from a script, so that it lasts. */
import type { Locator } from '@playwright/test'
import { expect, type RunningApp, test } from '../fixtures.ts'
import { startTalking } from '../hosts/talking-chat.ts'
import type { AppPage } from '../pages/app-page.ts'

/** Pixels between what is shown and the end. */
function distanceToEnd(log: Locator): Promise<number> {
  return log.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight)
}

/** Where the reader is once the scrolling has come to rest: a key or a wheel moves the text over several frames. */
async function restingPlace(log: Locator): Promise<number> {
  let top = Number.NaN
  await expect(async () => {
    const before = top
    top = await log.evaluate(
      (element) => new Promise<number>((resolve) => setTimeout(() => resolve(element.scrollTop), 150)),
    )
    expect(top).toBe(before)
  }).toPass({ intervals: [0], timeout: 10_000 })
  return top
}

/** A conversation in which the model keeps talking, at its end. */
async function talking(start: () => Promise<RunningApp>): Promise<RunningApp & { log: Locator }> {
  const app = await start()
  await startTalking(app, 6)
  const log = app.page.getByRole('log', { name: 'Messages' })
  await expect.poll(() => distanceToEnd(log)).toBeLessThan(30)
  return { ...app, log }
}

/** More text has come, and what the reader sees has not moved. */
async function expectStill({ ui, log }: { ui: AppPage; log: Locator }): Promise<void> {
  const top = await restingPlace(log)
  const length = (await ui.chat.writing().innerText()).length
  await expect.poll(async () => (await ui.chat.writing().innerText()).length).toBeGreaterThan(length + 100)
  expect(Math.abs((await log.evaluate((element) => element.scrollTop)) - top)).toBeLessThan(5)
}

test('stays at the end until the reader scrolls up, and goes back on request @web', async ({ start }) => {
  const app = await talking(start)
  const { page, ui, log } = app
  await log.hover()
  await page.mouse.wheel(0, -600)
  const newest = page.getByRole('button', { name: 'Newest' })
  await expect(newest).toBeVisible()
  await expectStill(app)

  await newest.click()
  await expect.poll(() => distanceToEnd(log)).toBeLessThan(30)
  await expect(newest).toBeHidden()
  await page.keyboard.press('Escape')
  await expect(ui.chat.writing()).toBeHidden()
})

test('the keyboard leaves the end and takes hold of it again @web', async ({ start }) => {
  const app = await talking(start)
  const { page, log } = app
  const newest = page.getByRole('button', { name: 'Newest' })
  await log.focus()
  await page.keyboard.press('PageUp')
  await expect(newest).toBeVisible()
  await expectStill(app)
  await page.keyboard.press('End')
  await expect(newest).toBeHidden()
  await expect.poll(() => distanceToEnd(log)).toBeLessThan(30)
})

test('the end of an answer does not move a reader who scrolled up, and the end is found again in silence @web', async ({
  start,
}) => {
  const { page, ui, log } = await talking(start)
  const newest = page.getByRole('button', { name: 'Newest' })
  await log.hover()
  await page.mouse.wheel(0, -900)
  await expect(newest).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(ui.chat.writing()).toBeHidden()
  expect(await distanceToEnd(log)).toBeGreaterThan(300)
  await expect(newest).toBeVisible()

  await log.focus()
  await page.keyboard.press('End')
  await expect(newest).toBeHidden()
  await page.keyboard.press('PageUp')
  await expect(newest).toBeVisible()
  await page.keyboard.press('End')
  await expect(newest).toBeHidden()
})
