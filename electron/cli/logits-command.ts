/** `logits`: float32 logits of every position of given token ids, as a safetensors file. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import type { DeviceChoice } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import { computeDtype, DEVICE_HELP, device } from './arguments.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

interface Options extends CommonOptions {
  model: string
  ids: string
  out: string
  computeDtype: ComputeDtype
  fast: boolean
  device?: DeviceChoice
}

const idsSchema = z.array(z.array(z.number().int().nonnegative()).min(1)).min(1)

export function addLogitsCommand(program: Command, host: CliHost): void {
  const command = program
    .command('logits')
    .description('Write the logits of token ids: one float32 tensor "logits" [batch, time, vocabulary].')
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .requiredOption('--ids <file>', 'JSON file with a list of equally long lists of ids')
    .requiredOption('--out <file>', 'safetensors file to write')
    .option('--compute-dtype <dtype>', 'in which quantized weights are reconstructed', computeDtype, 'float32')
    .option('--fast', 'round activations to 8 bits where that is faster, as chats do', false)
    .option('--device <device>', DEVICE_HELP, device)
  common(command).action((options: Options) => runInSession(host, options, (session) => logits(session, options)))
}

async function logits({ services, signal }: Session, options: Options) {
  const model = await services.models.summary((await services.models.open(options.model)).id)
  if (model.runProblem !== null) throw AppError.fromShape(model.runProblem)
  const ids = await readIds(options.ids)
  const contextLength = ids[0]?.length ?? 1
  const device = options.device ?? services.settings.get().device
  const spec = { dir: model.path, computeDtype: options.computeDtype, contextLength, fast: options.fast, device }
  const out = resolve(options.out)
  const turn = { purpose: 'computing logits', signal, wait: true }
  const { shape } = await services.loaded.use(spec, turn, ({ handle }) =>
    services.supervisor.call('model.logits', { handle, ids, out }, { signal }),
  )
  return { text: `logits [${shape.join(', ')}] written to ${out}`, json: { out, shape } }
}

async function readIds(path: string): Promise<number[][]> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new AppError('bad-input', `${path} is not a JSON file that can be read.`, undefined, { cause: error })
  }
  const parsed = idsSchema.safeParse(json)
  if (!parsed.success || parsed.data.some((row) => row.length !== parsed.data[0]?.length)) {
    throw new AppError('bad-input', `${path} must hold a list of equally long lists of token ids.`)
  }
  return parsed.data
}
