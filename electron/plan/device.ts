/** From what a person chose ("auto", a GPU's ordinal) to the one device that the engine is told. */
import type { Device, DeviceChoice, Machine } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { MachineMemory } from './fit.ts'

export type ChosenDevice = Pick<Device, 'id' | 'name' | 'kind'>

export const CPU: ChosenDevice = { id: 'cpu', name: 'CPU', kind: 'cpu' }

/**
 * "auto" is the usable GPU with most free memory, else the CPU. A GPU that was chosen by name and is not there throws, since
 * another device would give other figures: `unsupported` when no GPU can be used, `not-found` when that one is not there.
 */
export function chooseDevice(choice: DeviceChoice, { devices, cuda }: Machine): ChosenDevice {
  if (choice === 'cpu') return CPU
  const gpus = devices.filter(({ kind }) => kind === 'cuda')
  if (choice === 'auto' || choice === 'cuda') {
    const usable = gpus.filter(({ gpu }) => gpu?.problem == null)
    const best = usable.sort((a, b) => b.freeBytes - a.freeBytes)[0]
    if (best !== undefined) return best
    if (choice === 'auto') return CPU
    throw new AppError('unsupported', gpus[0]?.gpu?.problem ?? cuda?.sentence ?? 'This engine cannot use a GPU.')
  }
  const name = choice.replace(/^cuda:/, '')
  const found = gpus.find(({ gpu }) => gpu?.uuid === name || String(gpu?.ordinal) === name)
  if (found !== undefined) {
    const problem = found.gpu?.problem
    if (problem != null) throw new AppError('unsupported', `${found.name} cannot be used. ${problem}`)
    return found
  }
  if (gpus.length === 0) throw new AppError('unsupported', cuda?.sentence ?? 'This engine cannot use a GPU.')
  const there = gpus.map((one) => `cuda:${one.gpu?.ordinal} (${one.name})`).join(', ')
  throw new AppError('not-found', `There is no GPU ${name}. There is ${there}.`)
}

/** The memory that a model run on a choice will find; that of the machine when the choice cannot be met. */
export function memoryFor(choice: DeviceChoice, machine: Machine): MachineMemory & { name: string } {
  const device = gpuOf(choice, machine)
  if (device === null) {
    const { cpu, availableMemoryBytes, totalMemoryBytes } = machine
    return { name: cpu, availableMemoryBytes, totalMemoryBytes }
  }
  const { weights = 0, metadata = 0, kvCache = 0, scratch = 0 } = device.gpu?.own ?? {}
  // What the engine holds there now makes room for the next model.
  const available = Math.min(device.totalBytes, device.freeBytes + weights + metadata + kvCache + scratch)
  return { name: device.name, availableMemoryBytes: available, totalMemoryBytes: device.totalBytes, kind: 'cuda' }
}

/** The GPU that a choice means now, null for the CPU or when it cannot be met. */
export function gpuOf(choice: DeviceChoice, machine: Machine): Device | null {
  try {
    const { id, kind } = chooseDevice(choice, machine)
    return kind === 'cuda' ? (machine.devices.find((one) => one.id === id) ?? null) : null
  } catch {
    return null
  }
}
