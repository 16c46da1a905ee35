/** `convert`: a model in the format of other programs. GGUF is a file, the others are folders (convert-folder.ts). */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { AppError } from '../contract/errors.ts'
import { formatDisk } from '../plan/units.ts'
import { CONVERT_FORMATS } from '../services/convert.ts'
import { type ExportedGguf, exportGguf } from '../services/gguf/export/export-gguf.ts'
import { computeDtype } from './arguments.ts'
import { type ConvertFolderOptions, convertFolder } from './convert-folder.ts'
import { fields, snakeCase, UsageError } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session, workContext } from './session.ts'

type Options = CommonOptions & (GgufOptions | (ConvertFolderOptions & Pick<GgufOptions, 'floatType'>))

interface GgufOptions extends Omit<ConvertFolderOptions, 'to'> {
  to: 'gguf'
  floatType?: keyof typeof FLOAT_TYPES
}

/** What llama.cpp calls the types of plain tensors. */
const FLOAT_TYPES = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' } as const

export function addConvertCommand(program: Command, host: CliHost): void {
  const command = program
    .command('convert')
    .description('Write a model in the format of other programs, without quantizing it anew.')
    .requiredOption('--from <model>', 'model folder, or id or name from the library')
    .addOption(
      new Option('--to <format>', 'format of the result').choices(['gguf', ...CONVERT_FORMATS]).makeOptionMandatory(),
    )
    .requiredOption('--out <path>', 'file (GGUF) or folder for the result')
    .addOption(
      new Option('--bits <n>', 'of compressed-tensors (default: 4 where no layer has more)').choices(['4', '8']),
    )
    .option('--dtype <dtype>', 'of plain safetensors (default: that of the scales)', computeDtype)
    .addOption(
      new Option(
        '--float-type <type>',
        'of the matrices in a GGUF file that are not quantized (default: theirs)',
      ).choices(Object.keys(FLOAT_TYPES)),
    )
    .option('--force', 'replace what is at --out already')
  common(command).action((options: Options) =>
    runInSession(host, options, (session) =>
      options.to === 'gguf' ? convertToGguf(session, options) : convertToFolder(session, options),
    ),
  )
}

async function convertToFolder(session: Session, options: ConvertFolderOptions & Pick<GgufOptions, 'floatType'>) {
  if (options.floatType !== undefined) throw new UsageError('--float-type goes with --to gguf.')
  return convertFolder(session, options)
}

async function convertToGguf(
  session: Session,
  { from, out: path, bits, dtype, floatType, force = false }: GgufOptions,
) {
  if (bits !== undefined) throw new UsageError('--bits goes with --to compressed-tensors.')
  if (dtype !== undefined) throw new UsageError('--dtype goes with --to safetensors.')
  const { services } = session
  const { path: sourceDir, name } = await services.models.open(from)
  const out = resolve(path)
  if (!force && (await stat(out).catch(() => null)) !== null) {
    throw new AppError('bad-input', `${out} is there already. Choose another file, or replace it with --force.`)
  }
  const made = await exportGguf(
    services.supervisor,
    { sourceDir, name, out, floatType: floatType === undefined ? null : FLOAT_TYPES[floatType] },
    workContext(session),
  )
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
function differences({ mostRounded, rounding, mostCast, castRounding, dequantizedLayers }: ExportedGguf): string {
  const parts: string[] = []
  if (mostRounded !== '') {
    parts.push(
      `integers kept; float16 scales move weights by at most ${rounding.toExponential(1)} of the largest (${mostRounded})`,
    )
  }
  if (dequantizedLayers > 0)
    parts.push(`${dequantizedLayers} quantized layers that no block type holds written as weights`)
  if (mostCast !== '')
    parts.push(`another type moves weights by at most ${castRounding.toExponential(1)} of the largest (${mostCast})`)
  return parts.length === 0 ? 'none' : parts.join('; ')
}
