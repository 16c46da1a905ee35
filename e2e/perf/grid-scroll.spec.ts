/** The grid with ten thousand layers, tall (blocks) and wide (experts), scrolled fast. */
import type { LinearInfo } from '../../electron/contract/domain.ts'
import { linearTag } from '../../electron/plan/tags.ts'
import { LAYERS, manyLayers } from '../data/many-layers.ts'
import { expect, test } from '../fixtures.ts'
import { type Script, scriptRpc } from '../hosts/scripted-rpc.ts'
import { expectSmooth } from './work.ts'

const SCROLL_SECONDS = 5

interface Load {
  readonly name: string
  readonly wheel: readonly [x: number, y: number]
  /** Mixtures of experts can be spread over as many columns as they have experts. */
  readonly spread: boolean
  scripts(): Readonly<Record<string, Script>>
}

const LOADS: readonly Load[] = [
  { name: `${LAYERS} layers in many blocks`, wheel: [0, 120], spread: false, scripts: () => manyLayers() },
  { name: 'ten thousand experts', wheel: [120, 60], spread: true, scripts: () => manyLayers(experts()) },
]

for (const { name, wheel, spread, scripts } of LOADS) {
  test(`${name} scroll with time to spare @web`, async ({ start }) => {
    const { page, ui } = await start()
    await scriptRpc(page, scripts())
    await page.goto(new URL('#/quantize', page.url()).href)
    await page.reload()
    await ui.quantize.ready()
    if (spread) await page.getByRole('button', { name: 'Spread experts' }).click()
    const grid = ui.quantize.grid()
    expect(await grid.getByRole('gridcell').count()).toBeLessThan(1500)

    await grid.hover()
    await expectSmooth(page, name, async () => {
      const end = Date.now() + SCROLL_SECONDS * 1000
      for (let turn = 0; Date.now() < end; turn++) {
        const direction = turn % 240 < 120 ? 1 : -1
        await page.mouse.wheel(wheel[0] * direction, wheel[1] * direction)
        await page.waitForTimeout(16)
      }
    })
    await expect(grid).toBeVisible()
  })
}

function experts(): LinearInfo[] {
  return Array.from({ length: 52 * 64 }, (_, index) =>
    ['w1', 'w2', 'w3'].map((part): LinearInfo => {
      const block = Math.floor(index / 64)
      const name = `model.layers.${block}.block_sparse_moe.experts.${index % 64}.${part}`
      const shape: [number, number] = [512, 512]
      return {
        name,
        block,
        tag: linearTag(name),
        shape,
        sourceBytes: 2 ** 19,
        sourceDtype: 'bfloat16',
        quantized: null,
      }
    }),
  ).flat()
}
