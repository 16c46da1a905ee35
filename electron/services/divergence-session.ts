/**
 * Several versions of a model at work together: all in memory where that is predicted to fit, else one after the other, with what
 * the reference thought kept in files of bounded size meanwhile. Either way gives the same figures.
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeviceChoice, ModelSummary } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import { type ChosenDevice, CPU, memoryFor } from '../plan/device.ts'
import { predictMemory } from '../plan/estimate.ts'
import { verdictOf } from '../plan/fit.ts'
import { totalMemory } from '../plan/memory.ts'
import { type Divergence, type DivergenceEvent, divergenceOf } from './divergence-columns.ts'
import type { Engine } from './engine.ts'
import { withIdsFile } from './evaluation-text.ts'
import type { LoadedModels, LoadSpec, OneOf } from './loaded-models.ts'
import { batchesOf, type DivergenceTask, windowsIn } from './logit-batches.ts'
import type { MachineInfo } from './machine.ts'
import type { Models } from './models.ts'

export interface DivergenceSessionDeps {
  engine: Engine
  models: Models
  loaded: LoadedModels
  machine: MachineInfo
  /** For ids and logits, while it runs. */
  tempDir: string
  freeBytes(path: string): Promise<number>
  /** Most bytes of logits on the disk at a time. */
  logitFileBytes: number
}

export interface SessionRequest {
  /** The first is the reference. */
  modelIds: readonly string[]
  contextLength: number
  computeDtype: ComputeDtype
  device: DeviceChoice
  /** Completes "The engine is busy with ...". */
  purpose: string
  signal: AbortSignal
  /** False: throw `busy` instead of waiting for the engine. */
  wait: boolean
  onLoading?: (modelId: string) => void
}

export interface DivergenceSession {
  /** All models are in memory at once. */
  together: boolean
  model: OneOf
  /** Where the models ran so far. */
  device(): ChosenDevice
  /** In the order of the tasks. Progress counts tokens of all tasks. */
  diverge(tasks: readonly DivergenceTask[], onProgress: (done: number, total: number) => void): Promise<Divergence[]>
}

/** Throws `bad-input` for models that cannot be compared, and what loading and running throw. */
export async function withDivergenceSession<T>(
  deps: DivergenceSessionDeps,
  request: SessionRequest,
  work: (session: DivergenceSession) => Promise<T>,
): Promise<T> {
  const { modelIds, contextLength, computeDtype, device, purpose, signal, wait, onLoading } = request
  const summaries = await Promise.all(modelIds.map((id) => deps.models.summary(id)))
  for (const { runProblem } of summaries) if (runProblem !== null) throw AppError.fromShape(runProblem)
  const vocabSize = sharedVocabulary(summaries)
  const together = await fitTogether(deps, request)
  const specs = summaries.map(({ path: dir }): LoadSpec => ({ dir, computeDtype, contextLength, fast: false, device }))
  const options = { purpose, signal, wait, together, onLoading: (index: number) => onLoading?.(modelIds[index] ?? '') }
  return deps.loaded.several(specs, options, (open) => {
    let ranOn: ChosenDevice = CPU
    const model = async (index: number) => {
      const loaded = await open(index)
      ranOn = loaded.device
      return loaded
    }
    const engines = { ...deps, model, signal, vocabSize }
    return work({
      together,
      model,
      device: () => ranOn,
      async diverge(tasks, onProgress) {
        const total = tasks.reduce((sum, task) => sum + windowsIn(task) * (task.window - 1), 0)
        return together
          ? bothLoaded(engines, tasks, (done) => onProgress(done, total))
          : oneByOne(engines, tasks, (done) => onProgress(done, total))
      },
    })
  })
}

function sharedVocabulary(summaries: readonly Pick<ModelSummary, 'name' | 'config'>[]): number {
  const [first, ...others] = summaries.map(({ name, config }) => ({ name, size: config?.vocabSize ?? 0 }))
  const other = others.find(({ size }) => size !== first?.size)
  if (first !== undefined && other !== undefined) {
    throw new AppError(
      'bad-input',
      `${first.name} has a vocabulary of ${first.size} tokens, ${other.name} one of ${other.size}. Compare versions of one model.`,
    )
  }
  return first?.size ?? 0
}

async function fitTogether(
  { models, loaded, machine }: DivergenceSessionDeps,
  { modelIds, contextLength, device }: SessionRequest,
): Promise<boolean> {
  // What is loaded now makes room for what will be.
  await loaded.unload()
  const memory = memoryFor(device, await machine.machine())
  const details = await Promise.all(modelIds.map((id) => models.detail(id)))
  const needed = details.map((detail) => totalMemory(predictMemory(detail, contextLength, memory.kind ?? 'cpu')))
  const sum = needed.reduce((total, bytes) => total + bytes, 0)
  return verdictOf(sum, memory.availableMemoryBytes) !== 'too-big'
}

interface Engines extends DivergenceSessionDeps {
  model: OneOf
  signal: AbortSignal
  vocabSize: number
}

type Reference = { handle: string } | { file: string }
type Pieces = Parameters<typeof divergenceOf>[0][number][]

/** Runs `ids` through the model beside its reference; its rows are appended to `pieces`. Returns how many tokens there were. */
async function compare(
  { engine, model, signal, tempDir }: Engines,
  { model: index, window }: DivergenceTask,
  { ids, begin, reference }: { ids: readonly number[]; begin: number; reference: Reference },
  pieces: Pieces,
  onProgress: (done: number) => void,
): Promise<number> {
  const { handle } = await model(index)
  const onEvent = (event: DivergenceEvent) => {
    if (event.type === 'tokens') pieces.push({ begin, event })
    else onProgress(event.done)
  }
  const { tokens } = await withIdsFile(tempDir, ids, (idsFile) =>
    engine.stream('model.divergence', { handle, reference, idsFile, window }, { signal, onEvent }),
  )
  return tokens
}

async function bothLoaded(
  engines: Engines,
  tasks: readonly DivergenceTask[],
  onProgress: (done: number) => void,
): Promise<Divergence[]> {
  const { handle } = await engines.model(0)
  const found: Divergence[] = []
  let before = 0
  for (const task of tasks) {
    const pieces: Pieces = []
    const text = { ids: task.ids, begin: 0, reference: { handle } }
    before += await compare(engines, task, text, pieces, (done) => onProgress(before + done))
    found.push(divergenceOf(pieces))
  }
  return found
}

async function oneByOne(
  engines: Engines,
  tasks: readonly DivergenceTask[],
  onProgress: (done: number) => void,
): Promise<Divergence[]> {
  const { engine, model, signal, tempDir, vocabSize, freeBytes, logitFileBytes } = engines
  const maxBytes = Math.min(logitFileBytes, (await freeBytes(tempDir)) / 2)
  const pieces: Pieces[] = tasks.map(() => [])
  let before = 0
  for (const batch of batchesOf(tasks, vocabSize, maxBytes)) {
    const written = batch.map((piece) => ({ ...piece, file: join(tempDir, `logits-${randomUUID()}.safetensors`) }))
    try {
      const { handle } = await model(0)
      for (const { ids, window, file } of written) {
        await withIdsFile(tempDir, ids, (idsFile) =>
          engine.stream('model.reference', { handle, idsFile, window, out: file }, { signal, onEvent() {} }),
        )
      }
      // By version, so that each is loaded once for all its pieces.
      for (const { task, index } of byModel(tasks)) {
        for (const { ids, begin, file } of written.filter((piece) => piece.tasks.includes(index))) {
          const text = { ids, begin, reference: { file } }
          before += await compare(engines, task, text, pieces[index] ?? [], (done) => onProgress(before + done))
        }
      }
    } finally {
      for (const { file } of written) await rm(file, { force: true })
    }
  }
  return pieces.map(divergenceOf)
}

function byModel(tasks: readonly DivergenceTask[]) {
  return tasks.map((task, index) => ({ task, index })).sort((a, b) => a.task.model - b.task.model)
}
