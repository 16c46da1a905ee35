/** From a name on the Hub to a chat and back: search, look, download over a line that breaks, quantize on the way, upload. */
import { join } from 'node:path'
import { HUB_MODEL, HUB_TOKEN, startDemoHub } from '../data/hub.ts'
import { expect, test } from '../fixtures.ts'

const QUANTIZED = 'tiny-story 4-bit g64'

test('search, inspect, download with a drop, quantize while downloading, chat, upload', async ({ start, folder }) => {
  test.slow()
  const hub = await startDemoHub()
  const app = await start({ env: { HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, 'huggingface'), HF_TOKEN: '' } })
  const { ui, page } = app
  const isDone = () =>
    expect(page.getByRole('main').getByText('Done', { exact: true }).first()).toBeVisible({ timeout: 90_000 })

  await test.step('search', async () => {
    await ui.goTo('Hub')
    await expect(ui.hub.result(HUB_MODEL)).toBeVisible()
    await expect(ui.hub.result('acme/story-gguf')).toHaveCount(0)
    await ui.hub.search().fill('nothing like it')
    await expect(page.getByText('No model matches')).toBeVisible()
    await ui.hub.search().fill('tiny')
  })

  await test.step('look at it, from headers alone', async () => {
    await ui.hub.open(HUB_MODEL)
    await expect(
      ui.hub
        .estimates()
        .getByRole('row')
        .filter({ hasText: /^4-bit/ }),
    ).toContainText('MB')
    expect(hub.seen.filter(({ host }) => host === 'storage').every(({ range }) => range !== null)).toBe(true)
    await page.getByRole('tab', { name: 'Model card' }).click()
    await expect(page.getByRole('heading', { name: 'Tiny story' })).toBeVisible()
    await page.getByRole('tab', { name: 'Overview' }).click()
  })

  await test.step('download it over a line that breaks once', async () => {
    let left = 1
    hub.setFault(({ host }) => (host === 'storage' && left-- > 0 ? { kind: 'drop', after: 1_000_000 } : null))
    await ui.hub.download()
    await isDone()
    await page.getByRole('button', { name: 'Open the model' }).click()
    await expect(page.getByRole('heading', { name: HUB_MODEL })).toBeVisible()
    hub.setFault(undefined)
  })

  await test.step('quantize it while it downloads', async () => {
    await ui.goTo('Hub')
    await ui.hub.open(HUB_MODEL)
    await ui.hub.quantizeWhileDownloading('4-bit')
    await isDone()
    await page.getByRole('tab', { name: 'Log' }).click()
    await expect(page.getByText(/at most .* were used/)).toBeVisible()
  })

  await test.step('chat with it', async () => {
    await ui.goTo('Chat')
    await ui.chat.pickModel(QUANTIZED)
    await ui.chat.askAndWait('Tell me a story.')
  })

  await test.step('upload it, after looking at what would go up', async () => {
    await ui.goTo('Settings')
    await ui.hub.signIn(HUB_TOKEN)
    await ui.goTo('Models')
    await ui.models.model(QUANTIZED).click()
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Upload to the Hub' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Show what would go up' }).click()
    await expect(dialog.getByRole('row').filter({ hasText: 'model.safetensors' })).toContainText('new')
    await dialog.getByRole('button', { name: 'Upload', exact: true }).click()
    await isDone()
    const repo = hub.repos.get('acme/tiny-story-4-bit-g64')
    expect(repo?.private).toBe(true)
    expect([...(repo?.commits.at(-1)?.files.keys() ?? [])]).toEqual(
      expect.arrayContaining(['README.md', 'model.safetensors']),
    )
  })

  expect(hub.seen.filter(({ host }) => host === 'storage').every(({ authorization }) => authorization === null)).toBe(
    true,
  )
  await hub.close()
})
