/** The devices of this machine as services ask for them. */
import type { DeviceChoice } from '../contract/domain.ts'
import { type ChosenDevice, CPU, chooseDevice } from '../plan/device.ts'
import type { MachineInfo } from './machine.ts'

export type { ChosenDevice } from '../plan/device.ts'

/** How records of measurements name a device: figures of equal cards compare, whichever card it was. */
export function deviceLabel({ kind, name }: ChosenDevice): string {
  return kind === 'cpu' ? 'cpu' : name
}

export interface Devices {
  /** The device that a choice means now; see plan/device.ts. */
  choose(choice: DeviceChoice): Promise<ChosenDevice>
}

export function createDevices(machine: Pick<MachineInfo, 'machine'>): Devices {
  return { choose: async (choice) => (choice === 'cpu' ? CPU : chooseDevice(choice, await machine.machine())) }
}
