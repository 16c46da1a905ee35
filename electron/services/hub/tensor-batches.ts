/**
 * Tensors that have arrived, handed to the engine in batches: while it works on one batch more arrive for the next. One batch at a
 * time; what a file with a wrong hash gave is discarded and nothing else.
 */
import { AppError, toAppError } from '../../contract/errors.ts'
import type { RemoteHeader } from '../../hub/remote-safetensors.ts'

/** Quantizes these source tensors; returns when they are durable. `discard`: forget these first. */
export type BatchWork = (tensors: readonly string[], discard: readonly string[]) => Promise<void>

export interface TensorBatches {
  /** Takes what has arrived of a file into the next batch. */
  arrived(header: RemoteHeader, covers: (begin: number, end: number) => boolean): void
  /** The hash of a file was right: all of it counts. Resolves when all of its tensors are saved. */
  verified(header: RemoteHeader): Promise<void>
  /** The hash of a file was wrong. Resolves when nothing of it is left. */
  discarded(header: RemoteHeader): Promise<void>
  /** Resolves when no batch is under way. */
  settle(): Promise<void>
}

export function createTensorBatches(work: BatchWork, onFailure: (error: AppError) => void): TensorBatches {
  const ready = new Set<string>()
  const saved = new Set<string>()
  /** Arrived, but the engine could not use them: wrong bytes, or a wrong model. The hash will tell. */
  const doubtful = new Set<string>()
  const trusted = new Set<string>()
  const fileOf = new Map<string, string>()
  let running: Promise<void> | null = null
  let failure: AppError | null = null

  function start(): void {
    if (running !== null || ready.size === 0 || failure !== null) return
    const batch = [...ready]
    ready.clear()
    running = run(batch)
      .catch((error: unknown) => {
        failure = toAppError(error)
        onFailure(failure)
      })
      .finally(() => {
        running = null
        start()
      })
  }

  async function run(batch: readonly string[]): Promise<void> {
    try {
      await work(batch, [])
      for (const name of batch) saved.add(name)
    } catch (error) {
      const unproven = batch.filter((name) => !trusted.has(fileOf.get(name) ?? ''))
      if (toAppError(error).code !== 'bad-weights' || unproven.length === 0) throw error
      // The ones that are good are taken over by the batch that has them next.
      for (const name of batch) (unproven.includes(name) ? doubtful : ready).add(name)
    }
  }

  async function settle(): Promise<void> {
    while (running !== null) await running
    if (failure !== null) throw failure
  }

  async function untilSaved(header: RemoteHeader): Promise<void> {
    for (;;) {
      if (header.tensors.every(({ name }) => saved.has(name))) return
      start()
      if (failure !== null) throw failure
      if (running === null) throw new AppError('internal', `Tensors of ${header.file.path} were not worked on.`)
      await running
    }
  }

  return {
    arrived(header, covers) {
      for (const { name, begin, end } of header.tensors) {
        if (saved.has(name) || ready.has(name) || doubtful.has(name) || fileOf.has(name)) continue
        if (!covers(begin, end)) continue
        fileOf.set(name, header.file.path)
        ready.add(name)
      }
      start()
    },
    async verified(header) {
      trusted.add(header.file.path)
      for (const { name } of header.tensors) {
        if (saved.has(name) || (fileOf.has(name) && !doubtful.has(name))) continue
        doubtful.delete(name)
        fileOf.set(name, header.file.path)
        ready.add(name)
      }
      await untilSaved(header)
    },
    async discarded(header) {
      for (const { name } of header.tensors) ready.delete(name)
      await settle()
      const names = header.tensors.map(({ name }) => name)
      running = work([], names).finally(() => {
        running = null
      })
      await running
      for (const name of names) {
        for (const set of [ready, saved, doubtful]) set.delete(name)
        fileOf.delete(name)
      }
      start()
    },
    settle,
  }
}
