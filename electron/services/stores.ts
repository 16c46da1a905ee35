/** What is kept in the data folder, opened: single files of this process alone, and records that several processes share. */
import { join } from 'node:path'
import { type Vote, voteSchema } from '../contract/difference.ts'
import { type Conversation, conversationSchema, type Settings, settingsSchema } from '../contract/domain.ts'
import type { Preset } from '../contract/quant.ts'
import { type SensitivityTable, sensitivityTableSchema } from '../contract/sensitivity.ts'
import { type JsonStore, openJsonStore } from '../storage/json-store.ts'
import { createJobRecords, type JobRecords, jobListSchema } from './job-records.ts'
import { type LibraryRecord, libraryRecordSchema } from './library.ts'
import { type ModelMeasurements, modelMeasurementsSchema } from './measurements.ts'
import { presetStoreSchema } from './presets.ts'
import { createRecordFiles, type RecordFiles } from './record-files.ts'

export interface Stores {
  settings: JsonStore<Settings>
  presets: JsonStore<Preset[]>
  jobs: JobRecords
  library: RecordFiles<LibraryRecord>
  measurements: RecordFiles<ModelMeasurements>
  conversations: RecordFiles<Conversation>
  votes: RecordFiles<Vote>
  sensitivity: RecordFiles<SensitivityTable>
}

/** `log` hears of files that could not be understood and were put aside. */
export async function openStores(dataDir: string, log: (line: string) => void): Promise<Stores> {
  const onCorrupt = (keptAs: string, reason: string) =>
    log(`a file could not be understood and was kept as ${keptAs}: ${reason}`)
  const path = (name: string) => join(dataDir, name)
  const defaults = () => settingsSchema.parse({})
  const [settings, presets, jobs] = await Promise.all([
    openJsonStore({ path: path('settings.json'), schema: settingsSchema, fallback: defaults, onCorrupt }),
    openJsonStore({ path: path('presets.json'), schema: presetStoreSchema, fallback: () => [], onCorrupt }),
    openJsonStore({ path: path('jobs.json'), schema: jobListSchema, fallback: () => [], onCorrupt }),
  ])
  return {
    settings,
    presets,
    jobs: createJobRecords({ store: jobs, dir: path('jobs'), onCorrupt }),
    library: createRecordFiles(path('library'), libraryRecordSchema),
    measurements: createRecordFiles(path('measurements'), modelMeasurementsSchema),
    conversations: createRecordFiles(path('chats'), conversationSchema),
    votes: createRecordFiles(path('votes'), voteSchema),
    sensitivity: createRecordFiles(path('sensitivity'), sensitivityTableSchema),
  }
}
