/** `portability`: which programs load a model, or what would be made of it, with the reason when one does not. */
import type { Command } from 'commander'
import { type PortableLayer, portabilityOf } from '../plan/portability.ts'
import { resolveConfig } from '../plan/resolve.ts'
import { type QuantOptions, quantConfigOf, quantOptions } from './quant-options.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

interface Options extends CommonOptions, QuantOptions {
  model: string
}

export function addPortabilityCommand(program: Command, host: CliHost): void {
  const command = program
    .command('portability')
    .description('Say which programs load a model, or what quantizing would make of it.')
    .requiredOption('--model <model>', 'model folder or file, or id or name from the library')
  common(quantOptions(command)).action((options: Options) =>
    runInSession(host, options, (session) => portability(session, options)),
  )
}

async function portability({ services }: Session, options: Options) {
  const { id } = await services.models.open(options.model)
  const { summary, linears } = await services.models.detail(id)
  const wanted = options.nbits !== undefined || options.config !== undefined || options.preset !== undefined
  const layers: PortableLayer[] = wanted
    ? resolveConfig(await planned(services, options), linears).map(({ name, shape, choice }) => ({
        name,
        shape: [shape[0] ?? 0, shape[1] ?? 0],
        spec: choice.kind === 'keep' ? null : choice.spec,
      }))
    : linears.map(({ name, shape, quantized }) => ({ name, shape, spec: quantized }))
  const storedFormat = wanted ? null : (summary.quantization?.storedFormat ?? null)
  const found = portabilityOf({ architecture: summary.config?.architecture ?? '', storedFormat, layers })
  const text = found.map(({ program, ok, reason, nearest }) => {
    const cure = nearest === null ? '' : ` Nearest that would: ${nearest}.`
    return `${ok ? 'yes' : 'no '}  ${program.padEnd(WIDTH)}  ${reason}${cure}`
  })
  const json = found.map(({ convertTo, ...rest }) => ({ ...rest, convert_to: convertTo }))
  return { text: text.join('\n'), json: { portability: json } }
}

const WIDTH = 28

function planned({ presets }: Session['services'], options: Options) {
  return quantConfigOf(options, (id) => presets.list().presets.find((preset) => preset.id === id)?.config)
}
