/** A quantization that cannot end before a test has acted: a larger model, one thread, no SIMD. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@playwright/test'
import { writeRandomModel } from '../data/random-model.ts'
import type { AppPage } from '../pages/app-page.ts'

export const SLOW_MODEL = 'slow-model'

/** Environment in which the engine is slow. */
export const SLOW_ENGINE = { HQQ_SIMD: 'scalar' } as const

/** Puts the model beside the data folder and settings that find it and use one thread. */
export function prepareSlowModel(folder: string, dataDir: string): void {
  writeRandomModel(join(folder, 'models', SLOW_MODEL), {
    layers: 6,
    hiddenSize: 768,
    intermediateSize: 2048,
    heads: 12,
  })
  mkdirSync(dataDir, { recursive: true })
  writeFileSync(join(dataDir, 'settings.json'), JSON.stringify({ modelDirs: [join(folder, 'models')], threads: 1 }))
}

/** Starts quantizing the slow model and waits until at least one tensor is finished. */
export async function startSlowJob(ui: AppPage, name: string): Promise<void> {
  await ui.goTo('Quantize')
  await ui.quantize.ready()
  await ui.quantize.pickModel(SLOW_MODEL)
  await ui.quantize.applyPreset('4-bit')
  await ui.quantize.start({ name, measure: false })
  await someTensorsDone(ui)
}

/** The running job has something to lose. */
export async function someTensorsDone(ui: AppPage): Promise<void> {
  await expect(ui.page.getByRole('main')).toContainText(/\b[1-9]\d* of \d+ tensors/, { timeout: 60_000 })
}
