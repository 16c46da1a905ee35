/** A long conversation in which the model keeps talking; the text comes from a script, so that it lasts. */
import type { Page } from '@playwright/test'
import { longConversation, speakAt, TOKENS_PER_SECOND } from '../data/long-chat.ts'
import type { AppPage } from '../pages/app-page.ts'
import { scriptRpc } from './scripted-rpc.ts'

/** Opens a conversation of so many messages and has the model answer at TOKENS_PER_SECOND; returns when text is coming. */
export async function startTalking({ page, ui }: { page: Page; ui: AppPage }, messages: number): Promise<void> {
  const conversation = longConversation(messages)
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
}
