/** This machine as it is now: memory changes while the app runs, so it is asked for each time. */
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Machine } from '../contract/domain.ts'
import type { Engine } from './engine.ts'

export interface MachineInfo {
  machine(): Promise<Machine>
  engineVersion(): Promise<string>
}

export function createMachineInfo(engine: Engine): MachineInfo {
  const info = () => engine.call('engine.info', {})
  return {
    async machine() {
      const { version: _, methods: __, ...machine } = await info()
      return machine
    },
    engineVersion: async () => (await info()).version,
  }
}

/** Free bytes on the disk that `path` is on or would be on. */
export async function freeDiskBytes(path: string): Promise<number> {
  for (let folder = path; ; folder = dirname(folder)) {
    const info = await statfs(folder).catch(() => null)
    if (info !== null) return info.bavail * info.bsize
    if (dirname(folder) === folder) return 0
  }
}
