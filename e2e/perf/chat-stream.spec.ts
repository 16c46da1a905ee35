/** 200 tokens a second into a chat that is already long. */

import { longConversation, STREAM_SECONDS, speakAt, TOKENS_PER_SECOND } from '../data/long-chat.ts'
import { test } from '../fixtures.ts'
import { scriptRpc } from '../hosts/scripted-rpc.ts'
import { expectSmooth } from './work.ts'

const MESSAGES = 200

test(`${TOKENS_PER_SECOND} tokens/s into a chat of ${MESSAGES} messages @web`, async ({ start }) => {
  const { page, ui } = await start()
  const conversation = longConversation(MESSAGES)
  await scriptRpc(page, {
    'chats.list': () => ({ chats: [conversation] }),
    'chats.get': () => conversation,
    'chats.save': ({ input }) => input,
    'chat.generate': speakAt(TOKENS_PER_SECOND),
  })
  await page.goto(new URL(`#/chat?chat=${conversation.id}`, page.url()).href)
  await page.reload()
  await ui.chat.pickModel('Demo model')
  await ui.chat.ask('Go on.')
  await ui.chat.writing().locator('.markdown').waitFor()
  await expectSmooth(page, `${TOKENS_PER_SECOND} tokens/s into ${MESSAGES} messages`, () =>
    page.waitForTimeout(STREAM_SECONDS * 1000),
  )
})
