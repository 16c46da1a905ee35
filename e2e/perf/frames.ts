/** Frame rate as the page sees it: timestamps of requestAnimationFrame while something happens. */
import type { Page } from '@playwright/test'

export interface FrameReport {
  seconds: number
  /** Frames of the whole run by its length. */
  meanFps: number
  /** The slowest whole second. */
  worstSecondFps: number
  p95FrameMs: number
  longestFrameMs: number
}

/** Records frames while `action` runs. */
export async function measureFrames(page: Page, action: () => Promise<void>): Promise<FrameReport> {
  await page.evaluate(() => {
    const stamps: number[] = []
    const recording = { stamps, on: true }
    Object.assign(window, { frameRecording: recording })
    function onFrame(time: number): void {
      stamps.push(time)
      if (recording.on) requestAnimationFrame(onFrame)
    }
    requestAnimationFrame(onFrame)
  })
  await action()
  const stamps = await page.evaluate(() => {
    // Put there above.
    const { frameRecording } = window as unknown as { frameRecording: { stamps: number[]; on: boolean } }
    frameRecording.on = false
    return frameRecording.stamps
  })
  return reportOf(stamps)
}

function reportOf(stamps: readonly number[]): FrameReport {
  const first = stamps[0] ?? 0
  const last = stamps.at(-1) ?? 0
  const gaps = stamps.slice(1).map((stamp, index) => stamp - (stamps[index] ?? stamp))
  const sorted = gaps.toSorted((a, b) => a - b)
  const perSecond = new Map<number, number>()
  for (const stamp of stamps) {
    const second = Math.floor((stamp - first) / 1000)
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1)
  }
  // The last second is not whole.
  perSecond.delete(Math.floor((last - first) / 1000))
  return {
    seconds: (last - first) / 1000,
    meanFps: ((stamps.length - 1) * 1000) / (last - first),
    worstSecondFps: Math.min(...perSecond.values()),
    p95FrameMs: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
    longestFrameMs: sorted.at(-1) ?? 0,
  }
}
