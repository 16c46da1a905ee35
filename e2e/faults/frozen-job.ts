/**
 * A quantization that stands still in the middle: its engine is stopped as soon as some tensors are durable. What a test does
 * then happens during the job, however fast or slow the machine is.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@playwright/test'
import { writeRandomModel } from '../data/random-model.ts'
import type { RunningApp } from '../fixtures.ts'

export const LARGE_MODEL = 'large-model'

/** Environment in which jobs and answers last a few seconds: plenty of time to stop them. */
export const SLOW_ENGINE = { HQQ_SIMD: 'scalar' } as const

const SAVED_BEFORE_FREEZING = 3

/** Puts the model beside the data folder, and settings that find it and use one thread. */
export function prepareLargeModel(folder: string, dataDir: string): void {
  const shape = { layers: 6, hiddenSize: 768, intermediateSize: 2048, heads: 12 }
  writeRandomModel(join(folder, 'models', LARGE_MODEL), shape)
  mkdirSync(dataDir, { recursive: true })
  writeFileSync(join(dataDir, 'settings.json'), JSON.stringify({ modelDirs: [join(folder, 'models')], threads: 1 }))
}

/** Starts quantizing the large model as `name` and stops the engine in the middle; returns its process id. */
export async function startAndFreeze(app: RunningApp, dataDir: string, name: string): Promise<number> {
  const { quantize } = app.ui
  await app.ui.goTo('Quantize')
  await quantize.ready()
  await quantize.pickModel(LARGE_MODEL)
  await quantize.applyPreset('4-bit')
  const engine = await app.engine()
  const frozen = freezeWhenSaved(join(dataDir, 'models', `${name}.partial`, 'quantize-journal.jsonl'), engine)
  await quantize.start({ name, measure: false })
  await frozen
  return engine
}

/** Continues a stopped engine. */
export function thaw(engine: number): void {
  process.kill(engine, 'SIGCONT')
}

async function freezeWhenSaved(journal: string, engine: number): Promise<void> {
  await expect
    .poll(() => linesOf(journal), { message: 'tensors are durable', intervals: [5], timeout: 60_000 })
    // The first line says what the journal is for.
    .toBeGreaterThan(SAVED_BEFORE_FREEZING)
  process.kill(engine, 'SIGSTOP')
}

function linesOf(path: string): number {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0
}
