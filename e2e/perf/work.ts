/**
 * Frames and the work behind them. What is judged is the work: the main thread's own processor time for each frame, which does
 * not depend on what else the machine is doing; the frame rate itself is reported.
 */
import type { CDPSession, Page } from '@playwright/test'
import { expect } from '@playwright/test'
import { measureFrames } from './frames.ts'

/** A frame every 20 ms is 50 a second. */
const FRAME_BUDGET_MS = 20

/** Prints what happened while `action` ran, and fails when a frame cost more than its budget on average. */
export async function expectSmooth(page: Page, name: string, action: () => Promise<void>): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const before = await processorSeconds(session)
  const frames = await measureFrames(page, action)
  const workMs = ((await processorSeconds(session)) - before) * 1000
  const workPerFrameMs = workMs / Math.max(1, frames.meanFps * frames.seconds)
  process.stdout.write(
    `${name}: ${frames.meanFps.toFixed(1)} frames/s over ${frames.seconds.toFixed(1)} s ` +
      `(worst second ${frames.worstSecondFps}), 95 % of frames within ${frames.p95FrameMs.toFixed(1)} ms, ` +
      `longest ${frames.longestFrameMs.toFixed(1)} ms, ${workPerFrameMs.toFixed(1)} ms of work a frame\n`,
  )
  expect(workPerFrameMs, 'work a frame in ms').toBeLessThan(FRAME_BUDGET_MS)
}

/** Processor time of the page's main thread since it began. */
async function processorSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0
}
