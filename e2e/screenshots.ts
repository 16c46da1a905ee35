/**
 * Takes the pictures of the README from the real app: `node e2e/screenshots.ts` (Node 24, after `npm run setup`). The demo
 * model is quantized a few times so that there is something to compare.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from '@playwright/test'
import { chromiumPath } from './hosts/browsers.ts'
import { startWebHost } from './hosts/web-host.ts'
import { AppPage } from './pages/app-page.ts'
import { ROOT } from './paths.ts'

const FOLDER = join(ROOT, 'resources', 'screenshots')
const SIZE = { width: 1440, height: 900 }
const RUNS = [
  { preset: '8-bit', name: 'Demo 8-bit' },
  { preset: '3-bit', name: 'Demo 3-bit' },
  { preset: 'Small 2-bit, 4-bit attention', name: 'Demo small' },
] as const
const MIXED = 'Demo mixed'

async function quantizeAll(ui: AppPage): Promise<void> {
  const { quantize } = ui
  for (const { preset, name } of RUNS) {
    await ui.goTo('Quantize')
    await quantize.ready()
    await quantize.applyPreset(preset)
    await quantize.start({ name })
    await quantize.expectState('Done')
    await quantize.job().getByRole('button', { name: 'New plan' }).click()
  }
}

/** The 4-bit preset with some layers changed by hand; it is what the picture of the grid shows. */
async function choose(ui: AppPage): Promise<void> {
  const { quantize } = ui
  await ui.goTo('Quantize')
  await quantize.ready()
  await quantize.applyPreset('4-bit')
  await quantize.selectByName('*.v_proj')
  await quantize.setBits(8)
  await quantize.selectByName('model.layers.{2,3,4,5}.mlp.{gate,up}_proj')
  await quantize.setBits(3)
  await quantize.selectByName('model.layers.{0,7}.mlp.down_proj')
  await quantize.setBits(8)
}

async function picture(page: Page, name: string): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    // Toasts and the focus ring of the last press are not what the picture is about.
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur())
    await page.locator('[data-sonner-toast]').first().waitFor({ state: 'detached' })
    await page.screenshot({ path: join(FOLDER, `${name}-${scheme}.png`) })
  }
}

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'hqq-pictures-'))
  mkdirSync(FOLDER, { recursive: true })
  const host = await startWebHost({ dataDir })
  const browser = await chromium.launch({ ...chromiumPath(), args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage({ viewport: SIZE })
    await page.goto(host.url)
    const ui = new AppPage(page)
    await ui.ready()
    await quantizeAll(ui)
    await choose(ui)
    await picture(page, 'quantize')
    await ui.quantize.start({ name: MIXED })
    await ui.quantize.expectState('Done')
    await ui.goTo('Compare')
    await page.getByRole('main').getByText(MIXED).first().waitFor()
    await ui.compare.measureOriginal()
    await picture(page, 'compare')
    await ui.goTo('Chat')
    await ui.chat.pickModel('Demo 8-bit')
    await ui.chat.makeRepeatable(150)
    await ui.chat.setNumber('Repetition penalty', 1)
    await ui.chat.askAndWait('What is the capital of France?')
    await ui.chat.askAndWait('Tell me a story about a king.')
    await picture(page, 'chat')
  } finally {
    await browser.close()
    await host.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

await main()
