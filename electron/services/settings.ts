/** Settings with defaults; who depends on one is told when it changes. */
import { mkdir } from 'node:fs/promises'
import { type Settings, settingsSchema } from '../contract/domain.ts'
import { toWriteError } from '../storage/atomic-write.ts'
import type { JsonStore } from '../storage/json-store.ts'

export { settingsSchema as settingsStoreSchema } from '../contract/domain.ts'

/** A partial object as it comes over the wire: absent members stay as they are. */
export type SettingsChange = { [K in keyof Settings]?: Settings[K] | undefined }

export interface SettingsService {
  get(): Settings
  set(change: SettingsChange): Promise<Settings>
}

export function createSettings(
  store: JsonStore<Settings>,
  onChanged: (settings: Settings, before: Settings) => Promise<void>,
): SettingsService {
  return {
    get: store.get,
    async set(change) {
      const before = store.get()
      const changed = (current: Settings) => settingsSchema.parse({ ...current, ...change })
      const { outputDir } = changed(before)
      if (outputDir !== null && outputDir !== before.outputDir) await prepareFolder(outputDir)
      const settings = await store.update(changed)
      await onChanged(settings, before)
      return settings
    },
  }
}

/** Found out now and not when a job has run for an hour. */
async function prepareFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw toWriteError(error, path)
  }
}
