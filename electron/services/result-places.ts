/**
 * The folders that jobs make models in, whichever way the weights come: one job at a time fills a place, what it leaves unfinished can
 * be gone on with or discarded, and a finished model goes into the library and is measured if asked.
 */
import type { QuantizeRequest, TensorResult } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { JobContext, JobKind, Saved } from './job-kind.ts'
import type { Library } from './library.ts'
import type { Models } from './models.ts'
import { discardUnfinished, hasUnfinished, stagingDirOf } from './staging.ts'

export interface QuantizeRun {
  seconds: number
  peakBytes: number
  engineVersion: string
  at: string
  tensors: TensorResult[]
}

/** What requests that make a model have in common. */
export type PlacedRequest = Pick<QuantizeRequest, 'outDir' | 'name' | 'measure'>

export interface ResultPlaces extends Pick<JobKind<PlacedRequest>, 'discard'> {
  /** Makes a model at the request's place, then adds, records and, if asked, measures it. */
  fill(
    request: PlacedRequest,
    context: JobContext,
    make: (outDir: string) => Promise<QuantizeRun>,
  ): Promise<{ resultModelId: string }>
  /** Whether an interrupted job left something to go on with; `kept` says what. */
  saved(request: PlacedRequest, kept: string): Promise<Saved>
}

export interface ResultPlacesDeps {
  models: Models
  library: Library
  /** Keeps time and errors of a finished run for the comparison. */
  record(modelId: string, run: QuantizeRun): Promise<void>
  /** Measures the finished model, as part of the same job. */
  measure(modelId: string, context: JobContext): Promise<void>
}

export function createResultPlaces({ models, library, record, measure }: ResultPlacesDeps): ResultPlaces {
  /** Places that are being written to. */
  const busy = new Set<string>()

  return {
    async fill(request, context, make) {
      const outDir = placeOf(request)
      busy.add(outDir)
      const run = await make(outDir).finally(() => busy.delete(outDir))
      const entry = await library.add(outDir, 'created')
      if (request.name !== undefined && request.name !== entry.name) await library.rename(outDir, request.name)
      await record(entry.id, run)
      models.changed()
      context.log(`Saved to ${outDir}.`)
      if (request.measure) await measure(entry.id, context)
      return { resultModelId: entry.id }
    },
    async saved(request, kept) {
      const outDir = placeOf(request)
      if (!(await hasUnfinished(outDir))) return { text: null, resumable: false }
      return { text: `${kept} are kept in ${stagingDirOf(outDir)}.`, resumable: true }
    },
    async discard(request) {
      // Another job may have taken over what this one left.
      if (!busy.has(placeOf(request))) await discardUnfinished(placeOf(request))
    },
  }
}

/** Requests have been completed before their job was made: name and place are decided then, not when it runs. */
export function placeOf({ outDir }: Pick<PlacedRequest, 'outDir'>): string {
  if (outDir === undefined) throw new AppError('internal', 'A job that makes a model has no folder to write to.')
  return outDir
}
