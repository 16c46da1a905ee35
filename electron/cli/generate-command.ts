/** `generate`: continues a prompt, or answers it as a chat message. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type DeviceChoice, type Sampling, samplingSchema } from '../contract/domain.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import { samplingDefaults } from '../services/generation-config.ts'
import { computeDtype, DEVICE_HELP, device, integer, list, number } from './arguments.ts'
import { snakeCase } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

export interface SamplingOptions {
  temperature: number
  topK?: number
  topP?: number
  minP?: number
  repetitionPenalty?: number
  seed?: number
  maxNewTokens: number
  stop?: string[]
  computeDtype: ComputeDtype
  contextLength?: number
  fast: boolean
  device?: DeviceChoice
}

interface Options extends CommonOptions, SamplingOptions {
  model: string
  prompt: string
  chat?: boolean
  system?: string
  image?: string[]
}

/** The KV cache takes pages only as tokens arrive, but its address space is reserved at once. */
const MAX_CONTEXT = 32_768

export function addGenerateCommand(program: Command, host: CliHost): void {
  const command = program
    .command('generate')
    .description('Continue a text. With temperature 0, the default, always in the same way.')
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .requiredOption('--prompt <text>', 'text to continue')
    .option('--chat', "treat the prompt as a message and apply the model's chat template")
    .option('--system <text>', 'system message before it (with --chat)')
    .option('--image <file>', 'picture to look at, for a model that sees; repeatable', list)
  samplingOptions(command, 0).option('--fast', 'round activations to 8 bits where that is faster, as chats do', false)
  common(command).action((options: Options) => runInSession(host, options, (session) => generate(session, options)))
}

/** Filters that are not given are those of the model's generation_config.json. */
export function samplingOptions(command: Command, temperature: number): Command {
  return command
    .option('--max-new-tokens <n>', 'end after n tokens', integer(1), 256)
    .option('--temperature <t>', '0 takes the likeliest token each time', number(0, 5), temperature)
    .option('--top-k <k>', "only the k likeliest tokens; 0: all (default: the model's own)", integer(0))
    .option('--top-p <p>', "only the likeliest tokens that make up p; 1: all (default: the model's own)", number(0, 1))
    .option(
      '--min-p <p>',
      "only tokens p times as likely as the likeliest; 0: all (default: the model's own)",
      number(0, 1),
    )
    .option('--repetition-penalty <r>', "1: none (default: the model's own)", number(0.1, 10))
    .option('--seed <n>', 'same seed, same text (default: drawn)', integer(0, 2 ** 53 - 1))
    .option('--stop <text>', 'end before this text; repeatable', list)
    .option('--compute-dtype <dtype>', 'in which quantized weights are reconstructed', computeDtype, 'float32')
    .option(
      '--context-length <n>',
      `tokens the cache holds (default: the model's own, at most ${MAX_CONTEXT})`,
      integer(1),
    )
    .option('--device <device>', DEVICE_HELP, device)
}

export async function samplingOf(dir: string, options: SamplingOptions, fallback: SamplingFilters): Promise<Sampling> {
  const own = await samplingDefaults(dir, fallback)
  return samplingSchema.parse({
    temperature: options.temperature,
    topK: options.topK ?? own.topK,
    topP: options.topP ?? own.topP,
    minP: options.minP ?? own.minP,
    repetitionPenalty: options.repetitionPenalty ?? own.repetitionPenalty,
    seed: options.seed ?? null,
    maxNewTokens: options.maxNewTokens,
    stopStrings: options.stop ?? [],
  })
}

type SamplingFilters = Parameters<typeof samplingDefaults>[1]

/** What a plain continuation does for a model that says nothing. */
const NO_FILTERS: SamplingFilters = { topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 }

export function runOf({ computeDtype, contextLength, fast, device }: SamplingOptions) {
  const where = device === undefined ? {} : { device }
  return { computeDtype, contextLength: contextLength ?? MAX_CONTEXT, fast, ...where }
}

async function generate({ services, signal, streams, json }: Session, options: Options) {
  const model = await services.models.open(options.model)
  const images = (options.image ?? []).map((path) => ({ kind: 'file' as const, path: resolve(path) }))
  const system = options.system === undefined ? [] : [{ role: 'system', content: options.system }]
  const prompt = options.chat
    ? { kind: 'messages' as const, messages: [...system, { role: 'user', content: options.prompt, images }] }
    : { kind: 'text' as const, text: options.prompt, images }
  let promptText = options.prompt
  let shown = false
  const result = await services.chat.generate(
    { modelId: model.id, prompt, sampling: await samplingOf(model.path, options, NO_FILTERS), run: runOf(options) },
    {
      signal,
      emit(event) {
        if (event.type === 'prompt') promptText = event.text
        if (json || event.type !== 'text') return
        if (!shown && !options.chat) streams.stdout(options.prompt)
        shown = true
        streams.stdout(event.delta)
      },
    },
  )
  signal.throwIfAborted()
  if (!json) {
    const { newIds, tokensPerSecond, timeToFirstTokenMs, finishReason } = result
    streams.stdout('\n')
    streams.stderr(
      `${newIds.length} tokens, ${tokensPerSecond.toFixed(1)} tokens/s, first after ${timeToFirstTokenMs.toFixed(0)} ms, ended by ${finishReason}\n`,
    )
    return null
  }
  return { text: '', json: snakeCase({ ...result, prompt: promptText, model: model.path }) }
}
