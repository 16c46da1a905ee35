/** The device that models are quantized and run on: the choice, what it means now, and how to change it. */
import type { Device, DeviceChoice, Machine } from '../../electron/contract/domain.ts'
import type { AppError } from '../../electron/contract/errors.ts'
import { gpuOf, memoryFor } from '../../electron/plan/device.ts'
import type { MachineMemory } from '../../electron/plan/fit.ts'
import { useClient, useQueryCache } from './context.tsx'
import { useAction } from './use-action.ts'
import { useQuery, useStable, useWatch } from './use-query.ts'

export interface DeviceUse {
  readonly choice: DeviceChoice
  /** The GPU it means now; null for the CPU, and while it is not known. */
  readonly gpu: Device | null
  readonly gpus: readonly Device[]
  readonly machine: Machine | null
  /** What a model will find there, and its name. */
  readonly memory: (MachineMemory & { name: string }) | null
  readonly error: AppError | null
  choose(choice: DeviceChoice): void
}

export function useDevice(): DeviceUse {
  const client = useClient()
  const cache = useQueryCache()
  const { data: settings } = useQuery('settings.get', {})
  const { data: engine } = useWatch('engine.watch', {})
  const save = useAction(async (device: DeviceChoice) => {
    cache.setAnswer('settings.get', {}, await client.call('settings.set', { device }))
    cache.invalidate('quantize.estimate')
    cache.invalidate('compare.rows')
  })
  const machine = engine?.machine ?? null
  const choice = settings?.device ?? 'auto'
  return {
    choice,
    machine,
    gpus: machine?.devices.filter(({ kind }) => kind === 'cuda') ?? [],
    gpu: machine && gpuOf(choice, machine),
    // The same object until it changes: estimates of thousands of layers depend on it.
    memory: useStable(machine && memoryFor(choice, machine)),
    error: save.error,
    choose: (device) => void save.run(device),
  }
}
