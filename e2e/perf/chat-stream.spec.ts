/** 200 tokens a second into a chat that is already long. */

import { STREAM_SECONDS, TOKENS_PER_SECOND } from '../data/long-chat.ts'
import { test } from '../fixtures.ts'
import { startTalking } from '../hosts/talking-chat.ts'
import { expectSmooth } from './work.ts'

const MESSAGES = 200

test(`${TOKENS_PER_SECOND} tokens/s into a chat of ${MESSAGES} messages @web`, async ({ start }) => {
  const app = await start()
  const { page } = app
  await startTalking(app, MESSAGES)
  await expectSmooth(page, `${TOKENS_PER_SECOND} tokens/s into ${MESSAGES} messages`, () =>
    page.waitForTimeout(STREAM_SECONDS * 1000),
  )
})
