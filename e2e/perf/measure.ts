/**
 * Measures how smooth the window stays under two loads that no model on a small machine produces: 200 tokens a second into a
 * long chat, and scrolling a grid of ten thousand tensors. Run by hand: `node e2e/perf/measure.ts` (Node 24, after `npm run
 * setup`). Prints a table and keeps the numbers in e2e/artifacts/frames.json.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from '@playwright/test'
import { chromiumPath } from '../hosts/browsers.ts'
import { startWebHost } from '../hosts/web-host.ts'
import { AppPage } from '../pages/app-page.ts'
import { ARTIFACTS } from '../paths.ts'
import { type FrameReport, measureFrames } from './frames.ts'
import { longConversation, STREAM_SECONDS, speakAt, TOKENS_PER_SECOND } from './long-chat.ts'
import { LAYERS, manyLayers } from './many-layers.ts'
import { scriptRpc } from './scripted-rpc.ts'

type Measure = (page: Page, url: string) => Promise<FrameReport>

const MEASURES: Readonly<Record<string, Measure>> = {
  [`${TOKENS_PER_SECOND} tokens/s into a chat of 200 messages`]: streaming,
  [`scrolling a grid of ${LAYERS} tensors`]: scrolling,
}

async function streaming(page: Page, url: string): Promise<FrameReport> {
  const conversation = longConversation(200)
  await scriptRpc(page, {
    'chats.list': () => ({ chats: [conversation] }),
    'chats.get': () => conversation,
    'chats.save': ({ input }) => input,
    'chat.generate': speakAt(TOKENS_PER_SECOND),
  })
  await page.goto(url)
  const { chat } = new AppPage(page)
  await page.evaluate((id) => {
    window.location.hash = `#/chat?chat=${id}`
  }, conversation.id)
  await chat.answers().last().waitFor()
  await chat.ask('Go on.')
  await chat.writing().locator('.markdown').waitFor()
  return measureFrames(page, () => page.waitForTimeout(STREAM_SECONDS * 1000))
}

async function scrolling(page: Page, url: string): Promise<FrameReport> {
  await scriptRpc(page, manyLayers())
  await page.goto(url)
  const ui = new AppPage(page)
  await ui.goTo('Quantize')
  await ui.quantize.ready()
  const grid = ui.quantize.grid()
  await grid.hover()
  return measureFrames(page, () =>
    grid.evaluate(
      (element) =>
        new Promise<void>((resolve) => {
          const end = performance.now() + 5000
          let direction = 1
          function step(): void {
            const before = element.scrollTop
            element.scrollTop += direction * 90
            if (element.scrollTop === before) direction = -direction
            if (performance.now() < end) requestAnimationFrame(step)
            else resolve()
          }
          requestAnimationFrame(step)
        }),
    ),
  )
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hqq-frames-'))
  const host = await startWebHost({ dataDir: folder })
  const browser: Browser = await chromium.launch({ ...chromiumPath(), args: ['--no-sandbox'] })
  const reports: Record<string, FrameReport> = {}
  try {
    for (const [name, measure] of Object.entries(MEASURES)) {
      // The token is good for any number of pages; a fresh context has no memory of the measure before.
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
      reports[name] = await measure(await context.newPage(), host.url)
      await context.close()
    }
  } finally {
    await browser.close()
    await host.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  mkdirSync(ARTIFACTS, { recursive: true })
  writeFileSync(join(ARTIFACTS, 'frames.json'), `${JSON.stringify(reports, null, 2)}\n`)
  for (const [name, report] of Object.entries(reports)) process.stdout.write(`${lineOf(name, report)}\n`)
}

function lineOf(name: string, { meanFps, worstSecondFps, p95FrameMs, longestFrameMs, seconds }: FrameReport): string {
  return (
    `${name}: ${meanFps.toFixed(1)} frames/s over ${seconds.toFixed(1)} s, ` +
    `worst second ${worstSecondFps}, 95 % of frames within ${p95FrameMs.toFixed(1)} ms, longest ${longestFrameMs.toFixed(1)} ms`
  )
}

await main()
