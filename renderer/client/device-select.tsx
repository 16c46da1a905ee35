import type { Device, DeviceChoice } from '../../electron/contract/domain.ts'
import { formatMemory } from '../ui/format.ts'
import { Select, type SelectOption } from '../ui/select.tsx'
import type { DeviceUse } from './use-device.ts'

/** CPU or GPU for everything that is quantized and run from now on; every screen has the same choice. */
export function DeviceSelect({ device, className }: { device: DeviceUse; className?: string }) {
  return (
    <Select
      aria-label="Device"
      value={device.choice}
      onChange={device.choose}
      options={optionsOf(device)}
      className={className ?? 'w-56'}
    />
  )
}

function optionsOf({ choice, gpus, machine }: DeviceUse): SelectOption<DeviceChoice>[] {
  const options: SelectOption<DeviceChoice>[] = [
    { value: 'auto', label: 'Automatic', hint: 'The GPU with most free memory, else the CPU' },
    { value: 'cpu', label: 'CPU', hint: machine?.cpu },
    ...gpus.map(optionOf),
  ]
  // Chosen once, on another machine or before the card was taken out.
  if (!options.some(({ value }) => value === choice)) {
    options.push({ value: choice, label: choice.replace(/^cuda:/, ''), hint: 'Not there now' })
  }
  return options
}

function optionOf({ id, name, freeBytes, totalBytes, gpu }: Device): SelectOption<DeviceChoice> {
  const problem = gpu?.problem ?? null
  const hint = problem ?? `${formatMemory(freeBytes)} free of ${formatMemory(totalBytes)}`
  return { value: id, label: name, hint, disabled: problem !== null }
}
