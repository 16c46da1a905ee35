/** What is on the disk, or is not: corrupt settings, a folder that cannot be written, a full disk. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '../fixtures.ts'
import { startWebHost } from '../hosts/web-host.ts'

test('corrupt settings are put aside and the app starts with defaults', async ({ start, dataDir }) => {
  mkdirSync(dataDir, { recursive: true })
  writeFileSync(join(dataDir, 'settings.json'), '{"theme": "dark", "threads": "ma')
  const app = await start()
  await app.ui.goTo('Settings')
  await expect(app.page.getByRole('heading', { name: 'Settings' })).toBeVisible()
  expect(readdirSync(dataDir).some((name) => name.startsWith('settings.json.corrupt-'))).toBe(true)
  await app.ui.goTo('Chat')
  await app.ui.chat.makeRepeatable(8)
  await app.ui.chat.askAndWait('Hello')
})

test('a corrupt conversation does not hide the others', async ({ start, dataDir }) => {
  const app = await start()
  await app.ui.goTo('Chat')
  await app.ui.chat.makeRepeatable(8)
  await app.ui.chat.askAndWait('Kept one')
  await app.stop()
  writeFileSync(join(dataDir, 'chats', 'broken.json'), '{"id": ')
  const again = await start()
  await again.ui.goTo('Chat')
  await expect(again.ui.chat.list()).toContainText('Kept one')
})

test('a data folder that cannot be made is said in the terminal @web', async ({ folder }) => {
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  await expect(startWebHost({ dataDir: join(file, 'data') })).rejects.toThrow(/cannot be written/)
})

/** Whether this machine lets us mount a small file system of our own, and how. */
function mountWrapper(target: string): string[] | null {
  const mount = `mount -t tmpfs -o size=6m tmpfs '${target}' && exec "$@"`
  for (const flags of [['--mount'], ['--user', '--map-root-user', '--mount']]) {
    const wrapper = ['unshare', ...flags, 'sh', '-c', mount, 'sh']
    try {
      const [program = '', ...args] = [...wrapper, 'true']
      execFileSync(program, args, { stdio: 'ignore' })
      return wrapper
    } catch {
      // The next way.
    }
  }
  return null
}

test('a full disk is said before or during the job, and the app goes on @web', async ({ start, folder, dataDir }) => {
  const small = join(folder, 'small-disk')
  mkdirSync(small)
  const wrapper = mountWrapper(small)
  test.skip(wrapper === null, 'this machine allows no mount of its own, so there is no small disk to fill')
  mkdirSync(dataDir, { recursive: true })
  writeFileSync(join(dataDir, 'settings.json'), JSON.stringify({ outputDir: small }))
  const app = await start({ wrapper: wrapper ?? [] })
  await app.ui.goTo('Quantize')
  await app.ui.quantize.ready()
  await app.ui.quantize.applyPreset('8-bit')
  await app.ui.quantize.review()
  await app.page.getByRole('button', { name: 'Start quantizing' }).click()
  await expect(app.page.getByRole('alert').first()).toContainText(/disk|space/i)
  await app.page.keyboard.press('Escape')
  await app.ui.goTo('Chat')
  await app.ui.chat.makeRepeatable(8)
  await app.ui.chat.askAndWait('Hello')
})
