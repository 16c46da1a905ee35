import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { engineContract } from '../contract/engine.ts'
import { createFakeEngine } from '../engine/fake-engine.ts'
import { quantize } from '../plan/choices.ts'
import { createClient } from '../rpc/client.ts'
import { serve } from '../rpc/server.ts'
import { createMemoryPair } from '../wires/memory.ts'
import { createGgufFolders } from './gguf/folders.ts'
import { createLibrary, libraryRecordSchema } from './library.ts'
import { createMachineInfo } from './machine.ts'
import { createModelReader } from './model-reader.ts'
import { createModels } from './models.ts'
import { createQuantizePlanner } from './quantize-plan.ts'
import { createRecordFiles } from './record-files.ts'
import { makeTinyModel } from './testing/world.ts'

const root = mkdtempSync(join(tmpdir(), 'hqq-plan-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const source = makeTinyModel(join(root, 'My model'))
const CONFIG = { base: quantize(4, 64), rules: [], computeDtype: 'float16' as const }

async function setUp(freeBytes: number) {
  const pair = createMemoryPair()
  serve(engineContract, createFakeEngine(), pair.server)
  const engine = createClient(engineContract, pair.client)
  const library = createLibrary({
    records: createRecordFiles(join(root, 'library'), libraryRecordSchema),
    demos: [],
    wantsOptionalDemos: () => false,
    outputDir: () => join(root, 'models'),
    scanDirs: () => [],
    hub: { nameOf: () => null, pathOf: () => null },
    now: () => new Date(0),
  })
  const models = createModels({
    library,
    reader: createModelReader(engine),
    gguf: createGgufFolders(engine, join(root, 'gguf')),
  })
  const { id } = await models.open(source)
  const planner = createQuantizePlanner({
    models,
    machine: createMachineInfo(engine),
    device: () => 'auto',
    outputDir: () => join(root, 'models'),
    contextLength: () => 256,
    freeBytes: async () => freeBytes,
  })
  return { planner, id }
}

describe('the place for a result', () => {
  it('must have room, and the error says how much', async () => {
    const { planner, id } = await setUp(1000)
    await expect(planner.plan(id, CONFIG, join(root, 'out'))).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining('free'),
      data: { freeBytes: 1000 },
    })
  })

  it('must be a folder that can be made', async () => {
    writeFileSync(join(root, 'file'), '')
    const { planner, id } = await setUp(1e12)
    await expect(planner.plan(id, CONFIG, join(root, 'file', 'out'))).rejects.toMatchObject({ code: 'io' })
  })

  it('is named after the model and what was done to it, with a number when that is taken', async () => {
    const { planner, id } = await setUp(1e12)
    const request = { modelId: id, config: CONFIG, measure: false }
    const first = await planner.complete(request)
    expect(first).toMatchObject({ name: 'My model 4-bit g64', outDir: join(root, 'models', 'my-model-4-bit-g64') })
    makeTinyModel(first.outDir)
    const second = await planner.complete(request)
    expect(second).toMatchObject({
      name: 'My model 4-bit g64 (2)',
      outDir: join(root, 'models', 'my-model-4-bit-g64-2'),
    })
  })
})
