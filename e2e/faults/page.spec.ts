/** The page goes away or loses its connection while work goes on. */
import { expect, test } from '../fixtures.ts'
import { prepareSlowModel, SLOW_ENGINE, someTensorsDone, startSlowJob } from './slow-job.ts'

test('a reload during a job shows the job as it is', async ({ start, folder, dataDir }) => {
  prepareSlowModel(folder, dataDir)
  const app = await start({ env: SLOW_ENGINE })
  await startSlowJob(app.ui, 'Goes on')
  await app.page.reload()
  await expect(app.ui.quantize.errorGrid()).toBeVisible()
  await someTensorsDone(app.ui)
  await app.ui.goTo('Jobs')
  await expect(app.ui.jobs.job('Goes on')).toBeVisible()
  await app.ui.goTo('Quantize')
  await app.ui.quantize.expectState('Done')
})

test('Stop ends a job and says what is kept', async ({ start, folder, dataDir }) => {
  prepareSlowModel(folder, dataDir)
  const app = await start({ env: SLOW_ENGINE })
  await startSlowJob(app.ui, 'Stopped one')
  await app.ui.quantize.stop().click()
  await app.ui.quantize.expectState('Stopped')
  await expect(app.page.getByRole('main')).toContainText(/Kept:/)
  await expect(app.ui.quantize.resume()).toBeVisible()
})

test('a lost connection is said, and found again by itself @web', async ({ start }) => {
  const app = await start()
  const cut: (() => Promise<void>)[] = []
  let open = true
  await app.page.routeWebSocket(/\/rpc$/, (socket) => {
    if (!open) return void socket.close()
    socket.connectToServer()
    cut.push(() => socket.close())
  })
  await app.page.reload()
  await app.ui.goTo('Chat')
  await expect(app.ui.chat.composer()).toBeVisible()
  open = false
  for (const close of cut) await close()
  const banner = app.page.getByRole('status').filter({ hasText: 'Not connected' })
  await expect(banner).toBeVisible()
  open = true
  await expect(banner).toBeHidden()
  await app.ui.chat.makeRepeatable(8)
  await app.ui.chat.askAndWait('Hello')
})
