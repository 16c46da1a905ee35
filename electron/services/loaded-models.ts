/**
 * The models that are loaded, mostly one, and whose turn on the engine it is. Chats do not queue behind long work: they are told what is
 * going on. Jobs wait for a chat's answer to end.
 */
import type { DeviceChoice } from '../contract/domain.ts'
import type { EngineMemory } from '../contract/engine.ts'
import { AppError, toAppError } from '../contract/errors.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import type { ChosenDevice, Devices } from './devices.ts'
import type { Engine } from './engine.ts'

export interface LoadSpec {
  dir: string
  computeDtype: ComputeDtype
  contextLength: number
  /** 8-bit activations where they are faster; false is the arithmetic measurements use. */
  fast: boolean
  device: DeviceChoice
}

export interface LoadedModel {
  handle: string
  vocabSize: number
  memory: EngineMemory
  device: ChosenDevice
}

export interface Turn {
  /** Completes "The engine is busy with ...". */
  purpose: string
  signal?: AbortSignal | undefined
  /** False: throw `busy` instead of waiting. */
  wait: boolean
}

export interface LoadedModels {
  /** Runs `work` with the model loaded and the engine to itself. `onLoading` is called when it has to be loaded first. */
  use<T>(spec: LoadSpec, turn: Turn, work: (model: LoadedModel) => Promise<T>, onLoading?: () => void): Promise<T>
  /**
   * Runs `work` with the engine to itself and any of several models: all of them loaded at once when `together`, else each when it
   * is asked for, in place of the one before.
   */
  several<T>(specs: readonly LoadSpec[], options: SeveralOptions, work: (models: OneOf) => Promise<T>): Promise<T>
  /** Runs `work` with the engine to itself and no model in memory. */
  alone<T>(turn: Turn, work: () => Promise<T>): Promise<T>
  /** Frees the memory of a model from this folder, or of any, when nobody uses it. */
  unload(dir?: string): Promise<void>
  /** The engine process is gone, and the model with it. */
  forget(): void
  dispose(): void
}

/** The model of specs[index], loaded. */
export type OneOf = (index: number) => Promise<LoadedModel>

export interface SeveralOptions extends Turn {
  together: boolean
  onLoading?: ((index: number) => void) | undefined
}

export interface LoadedModelsDeps {
  engine: Engine
  devices: Devices
  /** An unused model is unloaded after this time. */
  idleMs: number
}

export function createLoadedModels({ engine, devices, idleMs }: LoadedModelsDeps): LoadedModels {
  let current: { key: string; dir: string; model: LoadedModel }[] = []
  let holder: { purpose: string; signal: AbortSignal | undefined; done: Promise<void> } | null = null
  let idle: ReturnType<typeof setTimeout> | undefined

  async function exclusively<T>({ purpose, signal, wait }: Turn, work: () => Promise<T>): Promise<T> {
    while (holder !== null) {
      // One that was told to stop is about to make room.
      if (!wait && !holder.signal?.aborted) {
        throw new AppError(
          'busy',
          `The engine is busy with ${holder.purpose}. Wait until it is done, or stop it first.`,
        )
      }
      await abortable(holder.done, signal)
    }
    let release = () => {}
    const done = new Promise<void>((resolve) => {
      release = resolve
    })
    holder = { purpose, signal, done }
    clearTimeout(idle)
    try {
      return await work()
    } finally {
      holder = null
      release()
      restTimer()
    }
  }

  function restTimer(): void {
    clearTimeout(idle)
    if (current.length === 0) return
    idle = setTimeout(() => void unload(), idleMs)
    // Waiting to free memory is no reason to keep the process.
    idle.unref()
  }

  /** Unloads all but those with these keys. */
  async function dropOthers(keys: readonly string[] = []): Promise<void> {
    const dropped = current.filter(({ key }) => !keys.includes(key))
    current = current.filter(({ key }) => keys.includes(key))
    // An engine that died has forgotten them already.
    for (const { model } of dropped) await engine.call('model.unload', { handle: model.handle }).catch(() => {})
  }

  /** Loads these, as far as they are not, and unloads all others. */
  async function hold(
    specs: readonly LoadSpec[],
    signal: AbortSignal | undefined,
    onLoading?: (index: number) => void,
  ): Promise<LoadedModel[]> {
    await dropOthers(specs.map(keyOf))
    const models: LoadedModel[] = []
    for (const [index, spec] of specs.entries()) {
      const key = keyOf(spec)
      const there = current.find((one) => one.key === key)
      if (there === undefined) {
        onLoading?.(index)
        const model = await load(spec, signal)
        current.push({ key, dir: spec.dir, model })
        models.push(model)
      } else models.push(there.model)
    }
    return models
  }

  async function holdOne(
    spec: LoadSpec,
    signal: AbortSignal | undefined,
    onLoading?: () => void,
  ): Promise<LoadedModel> {
    const [model] = await hold([spec], signal, onLoading)
    // One for each spec.
    return model as LoadedModel
  }

  async function load(spec: LoadSpec, signal: AbortSignal | undefined): Promise<LoadedModel> {
    const chosen = await devices.choose(spec.device)
    const loadOn = async (device: ChosenDevice): Promise<LoadedModel> => {
      const { handle, vocabSize, memory } = await engine.call('model.load', { ...spec, device: device.id }, { signal })
      return { handle, vocabSize, memory, device }
    }
    try {
      return await loadOn(chosen)
    } catch (error) {
      // What a GPU cannot run, the CPU can: but only for those who left the choice to the app.
      if (spec.device !== 'auto' || chosen.kind === 'cpu' || toAppError(error).code !== 'unsupported') throw error
      return loadOn(await devices.choose('cpu'))
    }
  }

  async function unload(dir?: string): Promise<void> {
    if (holder !== null || !current.some((one) => dir === undefined || one.dir === dir)) return
    await exclusively({ purpose: 'unloading a model', wait: false }, () => dropOthers())
  }

  return {
    use: (spec, turn, work, onLoading) =>
      exclusively(turn, async () => work(await holdOne(spec, turn.signal, onLoading))),
    several: (specs, { together, onLoading, ...turn }, work) =>
      exclusively(turn, async () => {
        const all = together ? await hold(specs, turn.signal, onLoading) : []
        return work(async (index) => {
          const spec = specs[index]
          if (spec === undefined) throw new RangeError(`there is no model ${index}`)
          return all[index] ?? holdOne(spec, turn.signal, () => onLoading?.(index))
        })
      }),
    alone: (turn, work) =>
      exclusively(turn, async () => {
        await dropOthers()
        return work()
      }),
    unload,
    forget() {
      current = []
    },
    dispose: () => clearTimeout(idle),
  }
}

function keyOf({ dir, computeDtype, contextLength, fast, device }: LoadSpec): string {
  return JSON.stringify([dir, computeDtype, contextLength, fast, device])
}

function abortable(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(new AppError('cancelled', 'cancelled'))
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    void promise.then(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
  })
}
