/** `devices`: what can quantize and run models here, and if no GPU can, why. */
import type { Command } from 'commander'
import type { Device } from '../contract/domain.ts'
import { formatMemory } from '../plan/units.ts'
import { snakeCase, table } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

export function addDevicesCommand(program: Command, host: CliHost): void {
  const command = program
    .command('devices')
    .description('List the CPU and GPUs with their memory, and say why a GPU cannot be used.')
  common(command).action((options: CommonOptions) => runInSession(host, options, devices))
}

async function devices({ services }: Session) {
  const machine = await services.machine.machine()
  const { id: chosen } = await services.devices.choose('auto')
  const rows = machine.devices.map((device) => [
    device.gpu === undefined ? 'cpu' : `cuda:${device.gpu.ordinal}`,
    device.name,
    formatMemory(device.totalBytes),
    formatMemory(device.freeBytes),
    device.gpu?.otherBytes == null ? '-' : formatMemory(device.gpu.otherBytes),
    device.gpu?.computeCapability ?? '-',
    device.gpu?.driver ?? '-',
    device.gpu?.uuid ?? '-',
    stateOf(device, chosen),
  ])
  const header = ['device', 'name', 'memory', 'free', 'others use', 'compute', 'driver', 'uuid', 'state']
  const text = [table(header, rows), '', machine.cuda?.sentence ?? 'This engine has no GPU support.'].join('\n')
  return { text, json: { devices: snakeCase(machine.devices), cuda: machine.cuda ?? null, auto: chosen } }
}

function stateOf({ id, gpu }: Device, chosen: string): string {
  if (gpu?.problem != null) return gpu.problem
  return id === chosen ? 'ready, used by auto' : 'ready'
}
