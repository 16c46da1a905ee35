/** The engine process dies under a job or an answer: the app lives, what was finished is kept, the next work succeeds. */
import { expect, test } from '../fixtures.ts'
import { LARGE_MODEL, prepareLargeModel, SLOW_ENGINE, startAndFreeze, thaw } from './frozen-job.ts'

for (const signal of ['SIGKILL', 'SIGSEGV'] as const) {
  test(`${signal} during a job: interrupted with what was saved, resumed to the end`, async ({
    start,
    folder,
    dataDir,
  }) => {
    prepareLargeModel(folder, dataDir)
    const app = await start({ env: SLOW_ENGINE })
    const { quantize } = app.ui
    const engine = await startAndFreeze(app, dataDir, 'survivor')
    process.kill(engine, signal)
    // A stopped process takes every signal but SIGKILL only when it goes on.
    if (signal !== 'SIGKILL') thaw(engine)
    await quantize.expectState('Interrupted')
    await expect(app.page.getByRole('main')).toContainText(/Kept: Finished tensors/)
    await quantize.resume().click()
    await quantize.expectState('Done')
    await app.ui.goTo('Models')
    await expect(app.ui.models.model('survivor')).toBeVisible()
  })
}

test('after a death the next job works', async ({ start, folder, dataDir }) => {
  prepareLargeModel(folder, dataDir)
  const app = await start({ env: SLOW_ENGINE })
  process.kill(await startAndFreeze(app, dataDir, 'victim'), 'SIGKILL')
  await app.ui.quantize.expectState('Interrupted')
  await app.ui.quantize.job().getByRole('button', { name: 'New plan' }).click()
  await app.ui.quantize.pickModel('Demo model')
  await app.ui.quantize.start({ name: 'next-one', measure: false })
  await app.ui.quantize.expectState('Done')
})

test('a death during an answer is said in the chat, and trying again works', async ({ start, folder, dataDir }) => {
  prepareLargeModel(folder, dataDir)
  const app = await start({ env: SLOW_ENGINE })
  const { chat } = app.ui
  await app.ui.goTo('Chat')
  await chat.pickModel(LARGE_MODEL)
  await chat.setNumber('Temperature', 0)
  await chat.setNumber('Max new tokens', 900)
  await chat.ask('Say something long.')
  await expect(chat.writing()).toContainText(/\d+ tokens?/, { timeout: 60_000 })
  process.kill(await app.engine(), 'SIGKILL')
  const alert = app.page.getByRole('log', { name: 'Messages' }).getByRole('alert')
  await expect(alert).toContainText('The engine stopped')
  await chat.setNumber('Max new tokens', 8)
  await alert.getByRole('button', { name: 'Try again' }).click()
  await expect(alert).toBeHidden()
  await expect(chat.answers()).toContainText(/tok\/s/, { timeout: 60_000 })
})
