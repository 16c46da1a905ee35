/** Host and engine killed together in the middle of a job: the next start finds it, and the resumed result is the same to the byte. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '../fixtures.ts'
import { LARGE_MODEL, prepareLargeModel, SLOW_ENGINE, startAndFreeze } from './frozen-job.ts'

/** Digests of the weight files below `folder` whose path contains `part`. */
function digests(folder: string, part: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.safetensors') && name.includes(part),
  )
  return Object.fromEntries(
    files.map((name) => [
      name.split('/').at(-1) ?? name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  )
}

test('kill -9 of everything: the job is found, resumed, and gives the same bytes', async ({
  start,
  folder,
  dataDir,
}) => {
  prepareLargeModel(folder, dataDir)
  const app = await start({ env: SLOW_ENGINE })
  await startAndFreeze(app, dataDir, 'interrupted-run')
  await app.killAll()

  const again = await start({ env: SLOW_ENGINE })
  const { quantize } = again.ui
  await again.ui.goTo('Jobs')
  await expect(again.ui.jobs.job(LARGE_MODEL)).toContainText('Interrupted')
  await again.ui.goTo('Quantize')
  await quantize.pickModel(LARGE_MODEL)
  await again.page.getByRole('button', { name: 'Show and resume' }).click()
  await quantize.resume().click()
  await quantize.expectState('Done')

  await quantize.job().getByRole('button', { name: 'New plan' }).click()
  await quantize.ready()
  await quantize.applyPreset('4-bit')
  await quantize.start({ name: 'uninterrupted-run', measure: false })
  await quantize.expectState('Done')
  const resumed = digests(dataDir, 'interrupted-run')
  const straight = digests(dataDir, 'uninterrupted-run')
  expect(Object.keys(straight).length).toBeGreaterThan(0)
  expect(resumed).toEqual(straight)
})
