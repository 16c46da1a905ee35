/** Text that keeps coming must not pull away a reader who scrolled up. The text comes from a script, so that it lasts. */
import type { Locator } from '@playwright/test'
import { longConversation, speakAt, TOKENS_PER_SECOND } from '../data/long-chat.ts'
import { expect, test } from '../fixtures.ts'
import { scriptRpc } from '../hosts/scripted-rpc.ts'

/** Pixels between what is shown and the end. */
function distanceToEnd(log: Locator): Promise<number> {
  return log.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight)
}

test('stays at the end until the reader scrolls up, and goes back on request @web', async ({ start }) => {
  const { page, ui } = await start()
  const conversation = longConversation(6)
  await scriptRpc(page, {
    'chats.list': () => ({ chats: [conversation] }),
    'chats.get': () => conversation,
    'chats.save': ({ input }) => input,
    'chat.generate': speakAt(TOKENS_PER_SECOND),
  })
  await page.goto(new URL(`#/chat?chat=${conversation.id}`, page.url()).href)
  await page.reload()
  await ui.chat.pickModel('Demo model')
  const log = page.getByRole('log', { name: 'Messages' })
  await ui.chat.ask('Go on.')
  await ui.chat.writing().locator('.markdown').waitFor()
  await expect.poll(() => distanceToEnd(log)).toBeLessThan(30)

  await log.hover()
  await page.mouse.wheel(0, -600)
  const newest = page.getByRole('button', { name: 'Newest' })
  await expect(newest).toBeVisible()
  const top = await log.evaluate((element) => element.scrollTop)
  const length = (await ui.chat.writing().innerText()).length
  await expect.poll(async () => (await ui.chat.writing().innerText()).length).toBeGreaterThan(length + 100)
  expect(Math.abs((await log.evaluate((element) => element.scrollTop)) - top)).toBeLessThan(5)

  await newest.click()
  await expect.poll(() => distanceToEnd(log)).toBeLessThan(30)
  await expect(newest).toBeHidden()
  await page.keyboard.press('Escape')
  await expect(ui.chat.writing()).toBeHidden()
})
