/**
 * The grid with ten thousand layers, tall (blocks) and wide (experts), scrolled fast. Frames are reported; what is asserted is
 * the work: the main thread's own processor time, which does not depend on what else the machine is doing.
 */
import type { CDPSession } from '@playwright/test'
import type { LinearInfo, ModelDetail, ModelSummary } from '../../electron/contract/domain.ts'
import { linearTag } from '../../electron/plan/tags.ts'
import { expect, test } from '../fixtures.ts'
import { measureFrames } from './frames.ts'
import { scriptRpc } from './scripted-rpc.ts'

/** A frame every 20 ms is 50 a second. */
const FRAME_BUDGET_MS = 20
const SCROLL_SECONDS = 5

const TALL = Array.from({ length: 1429 }, (_, block) =>
  [
    'self_attn.q_proj',
    'self_attn.k_proj',
    'self_attn.v_proj',
    'self_attn.o_proj',
    'mlp.gate_proj',
    'mlp.up_proj',
    'mlp.down_proj',
  ].map((tag) => `model.layers.${block}.${tag}`),
).flat()

const WIDE = Array.from({ length: 52 }, (_, block) =>
  Array.from({ length: 64 }, (_, expert) =>
    ['w1', 'w2', 'w3'].map((part) => `model.layers.${block}.block_sparse_moe.experts.${expert}.${part}`),
  ).flat(),
).flat()

for (const { name, layers, wheel, experts } of [
  { name: 'tall', layers: TALL, wheel: [0, 120], experts: false },
  { name: 'wide', layers: WIDE, wheel: [120, 60], experts: true },
] as const) {
  test(`${layers.length} layers, ${name}, scroll with time to spare @web`, async ({ start }) => {
    const { page, ui } = await start()
    await scriptRpc(page, {
      'models.watch': ({ event, signal }) => {
        event({ models: [summary] })
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve({})))
      },
      'models.inspect': () => detailOf(layers),
    })
    await page.goto(new URL('#/quantize', page.url()).href)
    await page.reload()
    await ui.quantize.ready()
    if (experts) await page.getByRole('button', { name: 'Spread experts' }).click()
    const grid = ui.quantize.grid()
    expect(await grid.getByRole('gridcell').count()).toBeLessThan(1500)

    await grid.hover()
    const session = await page.context().newCDPSession(page)
    await session.send('Performance.enable', { timeDomain: 'threadTicks' })
    const before = await processorSeconds(session)
    const frames = await measureFrames(page, async () => {
      const end = Date.now() + SCROLL_SECONDS * 1000
      for (let turn = 0; Date.now() < end; turn++) {
        const direction = turn % 240 < 120 ? 1 : -1
        await page.mouse.wheel(wheel[0] * direction, wheel[1] * direction)
        await page.waitForTimeout(16)
      }
    })
    const workMs = ((await processorSeconds(session)) - before) * 1000
    const drawn = frames.meanFps * frames.seconds
    test.info().annotations.push({
      type: 'frames',
      description: `${frames.meanFps.toFixed(1)} fps (worst second ${frames.worstSecondFps}), ${(workMs / drawn).toFixed(1)} ms of work a frame`,
    })
    expect(workMs / drawn).toBeLessThan(FRAME_BUDGET_MS)
    await expect(grid).toBeVisible()
  })
}

const summary: ModelSummary = {
  id: 'large',
  name: 'Ten thousand layers',
  path: '/models/large',
  origin: 'added',
  config: null,
  parameters: 1e9,
  dtype: 'bfloat16',
  fileBytes: 2e9,
  quantization: null,
  hasTokenizer: true,
  hasChatTemplate: false,
  runProblem: null,
  quantizeProblem: null,
  note: null,
  addedAt: '2026-01-01T00:00:00Z',
}

function detailOf(names: readonly string[]): ModelDetail {
  const linears = names.map(
    (name): LinearInfo => ({
      name,
      block: Number(name.split('.')[2]),
      tag: linearTag(name),
      shape: [512, 512],
      sourceBytes: 512 * 512 * 2,
      sourceDtype: 'bfloat16',
      quantized: null,
    }),
  )
  return {
    summary,
    tensors: [],
    linears,
    otherBytes: 0,
    chatTemplate: null,
    generation: {},
    provenance: null,
    card: null,
  }
}

/** Processor time of the page's main thread since it began. */
async function processorSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0
}
