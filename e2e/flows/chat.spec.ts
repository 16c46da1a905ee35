/** Talking to the demo model: what is kept, what is measured, what can be taken back. */
import { expect, test } from '../fixtures.ts'

const QUESTION = 'Tell me about rivers.'

test.describe('chat', () => {
  test.beforeEach(async ({ app }) => {
    await app.ui.goTo('Chat')
    await app.ui.chat.makeRepeatable(24)
  })

  test('answers, says how, and keeps the conversation over a reload', async ({ app }) => {
    const { chat } = app.ui
    const answer = await chat.askAndWait(QUESTION)
    await expect(answer).toContainText(/tok\/s/)
    await expect(answer).toContainText(/first after/)
    await expect(answer).toContainText(/MiB/)
    const text = await answer.innerText()
    await expect(chat.list()).toContainText(QUESTION)
    await app.page.reload()
    await expect(chat.answers()).toHaveCount(1)
    expect(await chat.answers().first().innerText()).toBe(text)
  })

  test('opens the figures of an answer to their story', async ({ app }) => {
    const answer = await app.ui.chat.askAndWait(QUESTION)
    await answer.getByRole('button', { name: 'How this answer was made' }).click()
    const story = app.page.getByRole('dialog', { name: 'How this answer was made' })
    await expect(story).toContainText('Seed')
    await expect(story).toContainText('Time to first token')
  })

  test('shows the prompt exactly as the model sees it', async ({ app }) => {
    await app.ui.chat.askAndWait(QUESTION)
    await app.page.getByRole('button', { name: 'Show the prompt' }).click()
    const dialog = app.page.getByRole('dialog', { name: 'Prompt' })
    await expect(dialog.getByRole('region', { name: 'Prompt text' })).toContainText(QUESTION)
    await expect(dialog).toContainText(/\d+ tokens/)
  })

  test('a message that is edited replaces what followed, and undo brings it back', async ({ app }) => {
    const { chat } = app.ui
    const first = await (await chat.askAndWait(QUESTION)).innerText()
    await chat.composer().press('ArrowUp')
    const editor = app.page.getByRole('form', { name: 'Edit message' }).getByRole('textbox')
    await expect(editor).toHaveValue(QUESTION)
    await editor.fill('Tell me about mountains.')
    await editor.press('Enter')
    await expect(chat.questions()).toHaveText(['Tell me about mountains.'])
    // A toast under the pointer stays.
    await app.ui.toast('Message replaced').hover()
    await expect(chat.answers()).toHaveCount(1, { timeout: 60_000 })
    await app.ui.toast('Message replaced').getByRole('button', { name: 'Undo' }).click()
    await expect(chat.questions()).toHaveText([QUESTION])
    expect(await chat.answers().first().innerText()).toBe(first)
  })

  test('regenerating at temperature 0 gives the same text', async ({ app }) => {
    const { chat } = app.ui
    const answer = await chat.askAndWait(QUESTION)
    const text = await answer.locator('.markdown').innerText()
    await answer.getByRole('button', { name: 'Regenerate' }).click()
    await expect(app.ui.toast('Answer replaced')).toBeVisible()
    await expect(chat.answers()).toHaveCount(1, { timeout: 60_000 })
    expect(await chat.answers().locator('.markdown').innerText()).toBe(text)
  })

  test('renames, finds and deletes a conversation, with undo', async ({ app }) => {
    const { chat } = app.ui
    await chat.askAndWait(QUESTION)
    await app.page.getByRole('button', { name: `Actions for ${QUESTION}` }).click()
    await app.page.getByRole('menuitem', { name: 'Rename' }).click()
    await app.page.getByRole('textbox', { name: 'Chat name' }).fill('Rivers')
    await app.page.keyboard.press('Enter')
    await expect(chat.list()).toContainText('Rivers')
    const search = app.page.getByRole('searchbox', { name: 'Search chats' })
    await search.fill('nothing like it')
    await expect(app.page.getByText('No chat matches')).toBeVisible()
    await search.fill('river')
    await expect(chat.list().getByRole('listitem')).toHaveCount(1)
    await app.page.getByRole('button', { name: 'Actions for Rivers' }).click()
    await app.page.getByRole('menuitem', { name: 'Delete' }).click()
    await expect(chat.list()).toBeHidden()
    await app.ui.toast('Chat deleted').getByRole('button', { name: 'Undo' }).click()
    await expect(chat.list()).toContainText('Rivers')
  })

  test('exports Markdown and JSON', async ({ app, host }) => {
    test.skip(host === 'electron', 'Electron asks where to save with a native dialog, which no test can press')
    await app.ui.chat.askAndWait(QUESTION)
    for (const [format, extension] of [
      ['Markdown', '.md'],
      ['JSON', '.json'],
    ] as const) {
      await app.page.getByRole('button', { name: 'Export' }).click()
      const download = app.page.waitForEvent('download')
      await app.page.getByRole('menuitem', { name: format }).click()
      expect((await download).suggestedFilename()).toBe(`tell-me-about-rivers${extension}`)
    }
  })
})

test('Escape stops an answer and keeps what was written', async ({ app }) => {
  const { chat } = app.ui
  await app.ui.goTo('Chat')
  await chat.setNumber('Max new tokens', 4000)
  await chat.setNumber('Repetition penalty', 2)
  await chat.ask('Tell me a story.')
  // The answer can end by itself before a slow test gets there: both endings are right, only the words differ.
  await expect(chat.writing().or(chat.answers()).locator('.markdown')).toBeVisible({ timeout: 60_000 })
  await app.page.keyboard.press('Escape')
  await expect(chat.answers()).toHaveCount(1)
  await expect(chat.answers()).toContainText(/stopped|complete|context full/)
  await expect(chat.composer()).toBeEditable()
})

test('the demo model says that it is small', async ({ app }) => {
  await app.ui.goTo('Chat')
  await expect(app.page.getByRole('log', { name: 'Messages' })).toContainText(/demo|small|tiny/i)
})
