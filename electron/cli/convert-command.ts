/** `convert`: a model in the format of other programs. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { AppError } from '../contract/errors.ts'
import { formatDisk } from '../plan/units.ts'
import { type ExportedGguf, exportGguf } from '../services/gguf/export/export-gguf.ts'
import { fields, snakeCase } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session, workContext } from './session.ts'

interface Options extends CommonOptions {
  from: string
  to: 'gguf'
  out: string
  force?: boolean
}

export function addConvertCommand(program: Command, host: CliHost): void {
  const command = program
    .command('convert')
    .description('Write a model in the format of other programs: GGUF for llama.cpp, Ollama and LM Studio.')
    .requiredOption('--from <model>', 'model folder, or id or name from the library')
    .addOption(new Option('--to <format>', 'format of the result').choices(['gguf']).makeOptionMandatory())
    .requiredOption('--out <file>', 'file for the result')
    .option('--force', 'replace a file that is at --out already')
  common(command).action((options: Options) => runInSession(host, options, (session) => convert(session, options)))
}

async function convert(session: Session, { from, out: path, force = false }: Options) {
  const { services } = session
  const { path: sourceDir, name } = await services.models.open(from)
  const out = resolve(path)
  if (!force && (await stat(out).catch(() => null)) !== null) {
    throw new AppError('bad-input', `${out} is there already. Choose another file, or replace it with --force.`)
  }
  const made = await exportGguf(services.supervisor, { sourceDir, name, out }, workContext(session))
  const types = Object.entries(made.types).map(([type, count]) => `${count} ${type}`)
  const text = fields([
    ['saved to', out],
    ['tensors', types.join(', ')],
    ['differences', differences(made)],
    ['size', formatDisk(made.fileBytes)],
    ['time', `${made.seconds.toFixed(1)} s`],
  ])
  return { text, json: snakeCase({ out, ...made }) }
}

/** What became of the weights, in a sentence. */
function differences({ mostRounded, rounding, dequantizedLayers }: ExportedGguf): string {
  const parts: string[] = []
  if (mostRounded !== '') {
    parts.push(
      `integers kept; float16 scales move weights by at most ${rounding.toExponential(1)} of the largest (${mostRounded})`,
    )
  }
  if (dequantizedLayers > 0) parts.push(`${dequantizedLayers} quantized layers that no block type holds written as F16`)
  return parts.length === 0 ? 'none' : parts.join('; ')
}
