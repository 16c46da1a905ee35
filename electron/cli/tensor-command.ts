/** `tensor quantize`: one matrix through the quantizer, everything it turns into written out, to compare implementations. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { DeviceChoice } from '../contract/domain.ts'
import type { Nbits } from '../contract/quant.ts'
import { significant } from '../plan/units.ts'
import { axis, DEVICE_HELP, device, type GroupSizeOption, groupSize, groupSizeOf, nbits } from './arguments.ts'
import { fields, snakeCase } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

interface Options extends CommonOptions {
  file: string
  tensor: string
  nbits: Nbits
  groupSize: GroupSizeOption
  axis: 0 | 1
  roundZero: boolean
  optimize: boolean
  channelWise: boolean
  quantZero: boolean
  quantScale: boolean
  out: string
  device?: DeviceChoice
}

export function addTensorCommand(program: Command, host: CliHost): void {
  const tensor = program.command('tensor').description('Work on one tensor of a file.')
  const command = tensor
    .command('quantize')
    .description('Write W_q (u8, grouped view), packed, scale, zero and W_dq (float32) of one matrix.')
    .requiredOption('--file <file>', 'safetensors file')
    .requiredOption('--tensor <name>', 'name of the matrix in it')
    .requiredOption('--nbits <n>', 'bits of each weight', nbits)
    .requiredOption('--group-size <g>', 'weights that share a scale and zero, or none', groupSize)
    .requiredOption('--axis <a>', '1: groups along the input, 0: along the output', axis)
    .requiredOption('--out <file>', 'safetensors file to write')
    .option('--round-zero', 'round the initial zero', false)
    .option('--no-optimize', 'plain rounding, without the optimizer')
    .option('--no-channel-wise', 'one scale and zero for the whole matrix')
    .option('--quant-zero', 'store zeros as 8-bit integers', false)
    .option('--quant-scale', 'store scales as 8-bit integers in groups of 128', false)
    .option('--device <device>', DEVICE_HELP, device)
  common(command).action((options: Options) =>
    runInSession(host, options, (session) => quantizeTensor(session, options)),
  )
}

async function quantizeTensor({ services, signal }: Session, options: Options) {
  const { roundZero, optimize, channelWise, quantZero, quantScale } = options
  const out = resolve(options.out)
  const { id } = await services.devices.choose(options.device ?? services.settings.get().device)
  const result = await services.supervisor.call(
    'tensor.quantize',
    {
      file: resolve(options.file),
      tensor: options.tensor,
      out,
      device: id,
      quant: {
        nbits: options.nbits,
        groupSize: groupSizeOf(options.groupSize),
        axis: options.axis,
        method: optimize ? 'hqq' : 'rtn',
        channelWise,
        roundZero,
        quantZero,
        quantScale,
      },
    },
    { signal },
  )
  const text = fields([
    ['written to', out],
    ['shape', result.shape.join(' x ')],
    ['packing', result.packing],
    ['iterations', String(result.iterations)],
    ['mean error', significant(result.meanAbsError, 4)],
    ['bytes', String(result.bytes)],
    ['time', `${(result.seconds * 1000).toFixed(1)} ms`],
  ])
  return { text, json: snakeCase({ out, ...result }) }
}
