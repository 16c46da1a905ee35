/** Records and details of jobs on disk: one file for all records, one for each job's log and tensors. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type JobDetail, type JobRecord, jobDetailSchema, jobRecordSchema } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import { type JsonStore, openJsonStore } from '../storage/json-store.ts'

export const jobListSchema = z.array(jobRecordSchema)
type Detail = Omit<JobDetail, 'record'>
const detailSchema = jobDetailSchema.omit({ record: true })

export interface JobRecords {
  list(): JobRecord[]
  /** Throws `not-found`. */
  get(id: string): JobRecord
  create(record: JobRecord): void
  /** Changes that are not durable (progress) are in memory until the next durable one. */
  put(record: JobRecord, options: { durable: boolean }): void
  /** The live log and tensors. Those of an earlier session must be loaded first. */
  detail(id: string): Detail
  load(id: string): Promise<void>
  /** Resolves when the record and detail of a job are on disk. */
  flush(id: string): Promise<void>
  remove(id: string): Promise<void>
  /** Writes what has changed. */
  dispose(): Promise<void>
}

/** Older finished records are dropped beyond this many. */
const MAX_RECORDS = 500

export interface JobRecordsDeps {
  store: JsonStore<JobRecord[]>
  /** Folder of the detail files. */
  dir: string
  onCorrupt?: (keptAs: string, reason: string) => void
}

export function createJobRecords({ store, dir, onCorrupt }: JobRecordsDeps): JobRecords {
  const records = new Map(store.get().map((record) => [record.id, record]))
  const details = new Map<string, Detail>()
  const stores = new Map<string, JsonStore<Detail>>()

  let dirty = false

  function save(): Promise<void> {
    dirty = false
    return store.set([...records.values()].slice(-MAX_RECORDS))
  }

  async function storeOf(id: string): Promise<JsonStore<Detail>> {
    const open = stores.get(id)
    if (open !== undefined) return open
    const opened = await openJsonStore({
      path: join(dir, `${id}.json`),
      schema: detailSchema,
      fallback: () => ({ tensors: [], log: [] }),
      ...(onCorrupt === undefined ? {} : { onCorrupt }),
    })
    stores.set(id, opened)
    return opened
  }

  function detail(id: string): Detail {
    const found = details.get(id) ?? { tensors: [], log: [] }
    details.set(id, found)
    return found
  }

  return {
    list: () => [...records.values()],
    get(id) {
      const record = records.get(id)
      if (record === undefined) throw new AppError('not-found', 'This job is not there any more.')
      return record
    },
    create(record) {
      dirty = true
      records.set(record.id, record)
    },
    put(record, { durable }) {
      dirty = true
      records.set(record.id, record)
      // A failed write of a record must not end the work it is about; `flush` tells of it.
      if (durable) save().catch(() => {})
    },
    detail,
    async load(id) {
      if (details.has(id)) return
      const stored = (await storeOf(id)).get()
      if (!details.has(id)) details.set(id, { tensors: [...stored.tensors], log: [...stored.log] })
    },
    async flush(id) {
      await save()
      await (await storeOf(id)).set(detail(id))
    },
    async remove(id) {
      records.delete(id)
      details.delete(id)
      stores.delete(id)
      await save()
      await rm(join(dir, `${id}.json`), { force: true })
    },
    async dispose() {
      if (dirty) await save()
    },
  }
}
