/** The page goes away or loses its connection while work goes on. */
import { expect, test } from '../fixtures.ts'
import { LARGE_MODEL, prepareLargeModel, SLOW_ENGINE, startAndFreeze, thaw } from './frozen-job.ts'

test('a reload during a job shows the job as it is', async ({ start, folder, dataDir }) => {
  prepareLargeModel(folder, dataDir)
  const app = await start({ env: SLOW_ENGINE })
  const engine = await startAndFreeze(app, dataDir, 'goes-on')
  await app.page.reload()
  await expect(app.ui.quantize.errorGrid()).toBeVisible()
  await expect(app.page.getByRole('progressbar').first()).toBeVisible()
  await app.ui.goTo('Jobs')
  await expect(app.ui.jobs.job(LARGE_MODEL)).toBeVisible()
  thaw(engine)
  await expect(app.ui.jobs.job(LARGE_MODEL)).toContainText('Done', { timeout: 60_000 })
})

test('Stop ends a job and says what is kept', async ({ start, folder, dataDir }) => {
  prepareLargeModel(folder, dataDir)
  const app = await start({ env: SLOW_ENGINE })
  const engine = await startAndFreeze(app, dataDir, 'stopped-one')
  await app.ui.quantize.stop().click()
  thaw(engine)
  await app.ui.quantize.expectState('Stopped')
  await expect(app.page.getByRole('main')).toContainText(/Kept: Finished tensors/)
  await app.ui.quantize.resume().click()
  await app.ui.quantize.expectState('Done')
})

test('an engine that hangs is ended when its job is stopped', async ({ start, folder, dataDir }) => {
  prepareLargeModel(folder, dataDir)
  const app = await start({ env: SLOW_ENGINE })
  await startAndFreeze(app, dataDir, 'hung')
  await app.ui.quantize.stop().click()
  await expect(app.page.getByRole('main')).toContainText(/Kept: Finished tensors/, { timeout: 30_000 })
  await app.ui.quantize.resume().click()
  await app.ui.quantize.expectState('Done')
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
