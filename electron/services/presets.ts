/** Presets: the built-in ones, and those people saved. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { AppError } from '../contract/errors.ts'
import { type Preset, presetSchema } from '../contract/quant.ts'
import { BUILT_IN_PRESETS, builtInPreset } from '../plan/presets.ts'
import type { JsonStore } from '../storage/json-store.ts'

export const presetStoreSchema = z.array(presetSchema)

export interface Presets {
  list(): { presets: Preset[] }
  /** Replaces the preset of the same id; without an id it is a new one. */
  save(preset: Omit<Preset, 'builtIn' | 'id'> & { id?: string | undefined }): Promise<Preset>
  remove(id: string): Promise<void>
}

export function createPresets(store: JsonStore<Preset[]>): Presets {
  function refuseBuiltIn(id: string): void {
    if (builtInPreset(id) !== null) {
      throw new AppError('not-allowed', 'Built-in presets cannot be changed. Save a copy under another name.')
    }
  }

  return {
    list: () => ({ presets: [...BUILT_IN_PRESETS, ...store.get()] }),
    async save({ id = randomUUID(), ...preset }) {
      refuseBuiltIn(id)
      const saved: Preset = { ...preset, id, builtIn: false }
      await store.update((presets) => [...presets.filter((other) => other.id !== id), saved])
      return saved
    },
    async remove(id) {
      refuseBuiltIn(id)
      await store.update((presets) => presets.filter((preset) => preset.id !== id))
    },
  }
}
