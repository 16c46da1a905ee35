/** The command lines that make a model again and measure it the same way. For POSIX shells, started in the folder of the app. */
import type { Measurement } from '../contract/domain.ts'
import type { Choice, QuantConfig, QuantSpec } from '../contract/quant.ts'
import { quantSpec, sameChoice } from '../plan/choices.ts'

const CLI = 'npm run -s cli --'

export interface CommandFacts {
  model: string
  original: string | null
  /** Null for a model that the app did not make. */
  config: QuantConfig | null
  measurements: readonly Measurement[]
}

export function commandsOf({ model, original, config, measurements }: CommandFacts): string[] {
  const quantize = config === null || original === null ? [] : [quantizeCommand(config, original, model)]
  const against = original === null ? [] : ['--original', quoted(original)]
  return [
    ...quantize,
    ...measurements.flatMap((one) => measureCommand(one, model, original) ?? []),
    [CLI, 'report', '--model', quoted(model), ...against, '--out', 'report.html'].join(' '),
  ]
}

function quantizeCommand(config: QuantConfig, original: string, model: string): string {
  const command = [CLI, 'quantize', '--model', quoted(original), '--out', quoted(model)].join(' ')
  const options = optionsOf(config)
  if (options !== null) return `${command} ${options}`
  // What the options cannot say a file can.
  return `cat > config.json <<'END'\n${JSON.stringify(config, null, 2)}\nEND\n${command} --config config.json`
}

/** The configuration as options; null when they cannot say it. */
function optionsOf({ base, rules, computeDtype, seed, text, ...rest }: QuantConfig): string | null {
  if (base.kind === 'keep' || Object.keys(rest).length > 0) return null
  const parts = specOptions(base.spec)
  for (const { pattern, choice } of rules) {
    const short = ruleValue(choice)
    if (short === null) return null
    parts.push(`--rule ${quoted(`${pattern}=${short}`)}`)
  }
  if (seed !== undefined) parts.push(`--seed ${seed}`)
  if (text !== undefined) parts.push(`--text ${quoted(text)}`)
  return [...parts, `--compute-dtype ${computeDtype}`].join(' ')
}

function specOptions(spec: QuantSpec): string[] {
  const { nbits, groupSize, axis, method, roundZero, quantZero, quantScale } = spec
  return [
    `--nbits ${nbits}`,
    `--group-size ${groupSize ?? 'none'}`,
    ...(axis === 1 ? [] : [`--axis ${axis}`]),
    `--method ${method}`,
    ...(roundZero === null ? [] : [roundZero ? '--round-zero' : '--no-round-zero']),
    ...(quantZero ? ['--quant-zero'] : []),
    ...(quantScale ? ['--quant-scale'] : []),
  ]
}

/** As after the equals sign of `--rule`; null for a spec that it has no words for. */
function ruleValue(choice: Choice): string | null {
  if (choice.kind === 'keep') return 'keep'
  const { nbits, groupSize, axis } = choice.spec
  const plain: Choice = { kind: 'quantize', spec: quantSpec(nbits, groupSize, { axis }) }
  if (!sameChoice(choice, plain)) return null
  return `${nbits}:${groupSize ?? 'none'}${axis === 1 ? '' : ':0'}`
}

/** Null for what has no command of its own. */
function measureCommand({ metric, protocol }: Measurement, model: string, original: string | null): string | null {
  if (metric === 'accuracy' || metric === 'answer-accuracy') return evaluateCommand(protocol, model)
  const text = textOption(protocol.text)
  if (text === null) return null
  const size = [`--window ${protocol.window}`, `--max-tokens ${protocol.streamTokens}`]
  const shared = [...text, ...size, `--compute-dtype ${protocol.computeDtype}`]
  if (metric === 'perplexity') {
    const stride = protocol.stride === null ? [] : [`--stride ${protocol.stride}`]
    return [CLI, 'perplexity', '--model', quoted(model), `--protocol ${protocol.protocol}`, ...stride, ...shared].join(
      ' ',
    )
  }
  if (metric !== 'mean-kl' || original === null) return null
  return [CLI, 'compare', '--model', quoted(original), '--model', quoted(model), ...shared].join(' ')
}

/** Null where the folder is not on record. */
function evaluateCommand({ folder, labelsFrom, template }: Measurement['protocol'], model: string): string | null {
  if (typeof folder !== 'string' || typeof labelsFrom !== 'string') return null
  const labels = labelsFrom === 'subfolders' ? [] : ['--labels', quoted(labelsFrom)]
  const sentence = typeof template === 'string' ? ['--template', quoted(template)] : []
  return [CLI, 'evaluate', '--model', quoted(model), '--images', quoted(folder), ...labels, ...sentence].join(' ')
}

/** Null for a text that has no name on the command line. */
function textOption(name: unknown): string[] | null {
  if (name === 'bundled') return []
  if (typeof name !== 'string') return null
  return name.startsWith('/') ? [`--text ${quoted(name)}`] : null
}

function quoted(text: string): string {
  return /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
