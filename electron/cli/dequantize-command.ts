/** `dequantize`: plain weights again, from a model that was quantized here or elsewhere. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { ComputeDtype } from '../contract/quant.ts'
import { formatDisk } from '../plan/units.ts'
import { dequantizeModel } from '../services/dequantize.ts'
import { computeDtype } from './arguments.ts'
import { fields, snakeCase } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session, workContext } from './session.ts'

interface Options extends CommonOptions {
  model: string
  out: string
  dtype?: ComputeDtype
  force?: boolean
}

export function addDequantizeCommand(program: Command, host: CliHost): void {
  const command = program
    .command('dequantize')
    .description('Write a quantized model as plain safetensors, whatever its architecture.')
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .requiredOption('--out <folder>', 'folder for the result')
    .option('--dtype <dtype>', 'of the reconstructed weights (default: that of their scales)', computeDtype)
    .option('--force', 'replace a model that is at --out already')
  common(command).action((options: Options) => runInSession(host, options, (session) => dequantize(session, options)))
}

async function dequantize(session: Session, { model, out, dtype = undefined, force = false }: Options) {
  const { services } = session
  const { path: sourceDir } = await services.models.open(model)
  const outDir = resolve(out)
  const request = { sourceDir, outDir, dtype: dtype ?? null, overwrite: force }
  const made = await dequantizeModel(services.supervisor, request, workContext(session))
  const text = fields([
    ['saved to', outDir],
    ['layers', `${made.dequantizedLayers} reconstructed, ${made.keptTensors} tensors as they were`],
    ['size', formatDisk(made.fileBytes)],
    ['time', `${made.seconds.toFixed(1)} s`],
  ])
  return { text, json: snakeCase({ out: outDir, ...made }) }
}
