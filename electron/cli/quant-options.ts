/** The options that say what layers get, shared by quantize and estimate. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import { AppError } from '../contract/errors.ts'
import {
  type ComputeDtype,
  type MethodChoice,
  methodChoiceSchema,
  type Nbits,
  type QuantConfig,
  quantConfigSchema,
  type Rule,
} from '../contract/quant.ts'
import { quantSpec } from '../plan/choices.ts'
import { builtInPreset } from '../plan/presets.ts'
import { axis, computeDtype, type GroupSizeOption, groupSize, groupSizeOf, integer, nbits, rules } from './arguments.ts'
import { UsageError } from './output.ts'

export interface QuantOptions {
  nbits?: Nbits
  groupSize?: GroupSizeOption
  axis?: 0 | 1
  config?: string
  preset?: string
  rule?: Rule[]
  method?: MethodChoice
  roundZero?: boolean
  quantZero?: boolean
  quantScale?: boolean
  seed?: number
  text?: string
  computeDtype?: ComputeDtype
}

export function quantOptions(command: Command): Command {
  return command
    .option('--nbits <n>', 'bits of each weight: 8, 6, 5, 4, 3, 2 or 1', nbits)
    .option('--group-size <g>', 'weights that share a scale and zero, or none', groupSize)
    .option('--axis <a>', '1: groups along the input, 0: along the output', axis)
    .option('--config <file>', 'JSON file with base, rules and computeDtype; other options go before it')
    .option('--preset <id>', 'a built-in or saved preset instead of --config')
    .option('--rule <pattern=spec>', "e.g. '*.v_proj=8:64' or '*.layers.0.*=keep'; repeatable, later ones win", rules)
    .option(
      '--method <name>',
      `how scales and zeros are found: ${methodChoiceSchema.options.join(', ')} (see the README)`,
    )
    .option('--round-zero', 'round the initial zero (default: at 4 bits only)')
    .option('--no-round-zero', 'never round the initial zero')
    .option('--quant-zero', 'store zeros as 8-bit integers')
    .option('--seed <n>', 'of the text that self and self-compensated measure on (default: 0)', integer(0, 2 ** 53 - 1))
    .option('--text <file>', 'measure on this text instead')
    .option('--quant-scale', 'store scales as 8-bit integers in groups of 128')
    .option('--compute-dtype <dtype>', 'of scales, zeros and kept tensors (default: float16)', computeDtype)
}

/** The configuration the options mean. `presetConfig` looks up a saved preset. Throws `bad-input`. */
export async function quantConfigOf(
  options: QuantOptions,
  presetConfig: (id: string) => QuantConfig | undefined,
): Promise<QuantConfig> {
  const start = await startingConfig(options, presetConfig)
  const base =
    start === null || options.nbits !== undefined ? { kind: 'quantize' as const, spec: specOf(options) } : start.base
  return {
    base,
    rules: [...(start?.rules ?? []), ...(options.rule ?? [])],
    computeDtype: options.computeDtype ?? start?.computeDtype ?? 'float16',
    ...defined({ seed: options.seed ?? start?.seed, text: options.text ?? start?.text }),
  }
}

function defined({ seed, text }: { seed: number | undefined; text: string | undefined }) {
  return { ...(seed === undefined ? {} : { seed }), ...(text === undefined ? {} : { text }) }
}

async function startingConfig(
  { config, preset }: QuantOptions,
  presetConfig: (id: string) => QuantConfig | undefined,
): Promise<QuantConfig | null> {
  if (config !== undefined && preset !== undefined) throw new UsageError('Give --config or --preset, not both.')
  if (config !== undefined) return readConfigFile(config)
  if (preset === undefined) return null
  const found = builtInPreset(preset)?.config ?? presetConfig(preset)
  if (found === undefined) throw new AppError('not-found', `There is no preset "${preset}".`)
  return found
}

function specOf(options: QuantOptions) {
  if (options.nbits === undefined || options.groupSize === undefined) {
    throw new UsageError('Give --nbits and --group-size, or --config or --preset.')
  }
  const method = methodChoiceSchema.safeParse(options.method ?? 'hqq')
  if (!method.success) throw new UsageError(`--method is one of: ${methodChoiceSchema.options.join(', ')}.`)
  return quantSpec(options.nbits, groupSizeOf(options.groupSize), {
    axis: options.axis ?? 1,
    method: method.data,
    roundZero: options.roundZero ?? null,
    quantZero: options.quantZero ?? false,
    quantScale: options.quantScale ?? false,
  })
}

async function readConfigFile(path: string): Promise<QuantConfig> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new AppError('bad-input', `${path} is not a JSON file that can be read.`, undefined, { cause: error })
  }
  const parsed = quantConfigSchema.safeParse(json)
  if (!parsed.success)
    throw new AppError('bad-input', `${path} is not a quantization config: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
