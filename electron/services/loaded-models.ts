/**
 * The one model that is loaded, and whose turn on the engine it is. Chats do not queue behind long work: they are told what is
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
  /** Runs `work` with the engine to itself and no model in memory. */
  alone<T>(turn: Turn, work: () => Promise<T>): Promise<T>
  /** Frees the memory of a model from this folder, or of any, when nobody uses it. */
  unload(dir?: string): Promise<void>
  /** The engine process is gone, and the model with it. */
  forget(): void
  dispose(): void
}

export interface LoadedModelsDeps {
  engine: Engine
  devices: Devices
  /** An unused model is unloaded after this time. */
  idleMs: number
}

export function createLoadedModels({ engine, devices, idleMs }: LoadedModelsDeps): LoadedModels {
  let current: { key: string; dir: string; model: LoadedModel } | null = null
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
    if (current === null) return
    idle = setTimeout(() => void unload(), idleMs)
    // Waiting to free memory is no reason to keep the process.
    idle.unref()
  }

  async function drop(): Promise<void> {
    const dropped = current
    current = null
    // An engine that died has forgotten it already.
    if (dropped !== null) await engine.call('model.unload', { handle: dropped.model.handle }).catch(() => {})
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
    if (holder !== null || current === null || (dir !== undefined && current.dir !== dir)) return
    await exclusively({ purpose: 'unloading a model', wait: false }, drop)
  }

  return {
    use(spec, turn, work, onLoading) {
      const key = JSON.stringify([spec.dir, spec.computeDtype, spec.contextLength, spec.fast, spec.device])
      return exclusively(turn, async () => {
        if (current?.key !== key) {
          await drop()
          onLoading?.()
          current = { key, dir: spec.dir, model: await load(spec, turn.signal) }
        }
        return work(current.model)
      })
    },
    alone: (turn, work) =>
      exclusively(turn, async () => {
        await drop()
        return work()
      }),
    unload,
    forget() {
      current = null
    },
    dispose: () => clearTimeout(idle),
  }
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
