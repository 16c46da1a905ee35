/** GPUs as the window shows them, over a pretended driver (native/tests/fake_cuda); what one that vanishes leaves working. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '../fixtures.ts'
import { ROOT } from '../paths.ts'

const FAKE = join(ROOT, 'build', 'native', 'fake_cuda')
const pretended = (lost: string) => ({
  LD_LIBRARY_PATH: FAKE,
  HQQ_CUDA_LIBRARY: join(FAKE, 'libhqq_cuda.so'),
  FAKE_CUDA_LOST: lost,
  FAKE_CUDA_DEVICES: '2',
})

test('GPUs are listed, one is chosen, and when it vanishes the CPU goes on', async ({ start, folder }) => {
  const lost = join(folder, 'lost')
  const { ui, page } = await start({ env: pretended(lost) })
  await ui.goTo('Settings')
  await expect(page.getByText('2 GPUs are ready.')).toBeVisible()
  await expect(page.getByRole('heading', { name: 'Pretend GPU 1' })).toBeVisible()
  await expect(page.getByLabel(/^Measured memory: 4\.00.GiB\. .* Other 4\.00.GiB/)).toBeVisible()
  // The one with most free memory.
  await expect(page.getByText('Models are quantized and run on Pretend GPU 1')).toBeVisible()
  await page.getByRole('combobox', { name: 'Device' }).click()
  await page.getByRole('option', { name: /Pretend GPU 0/ }).click()
  await expect(page.getByText('Models are quantized and run on Pretend GPU 0')).toBeVisible()

  writeFileSync(lost, '')
  await expect(page.getByText(/The GPU failed/)).toBeVisible()
  await page.getByRole('combobox', { name: 'Device' }).click()
  await page.getByRole('option', { name: 'CPU' }).click()
  await ui.goTo('Chat')
  await ui.chat.makeRepeatable(8)
  await ui.chat.askAndWait('Hello')
})

test('what keeps a GPU from being used is said in Settings', async ({ start, folder }) => {
  const { ui, page } = await start({ env: { ...pretended(join(folder, 'lost')), FAKE_CUDA_DRIVER: '12040' } })
  await ui.goTo('Settings')
  await expect(page.getByText(/driver is too old .*12\.4.* install driver 580/)).toBeVisible()
})
