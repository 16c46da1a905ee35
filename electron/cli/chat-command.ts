/** `chat`: a conversation in the terminal, or one message with `--message`. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { ChatResult } from '../contract/app.ts'
import { type ChatMessage, samplingSchema } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { ImageRef } from '../contract/vision.ts'
import { list } from './arguments.ts'
import { runOf, type SamplingOptions, samplingOf, samplingOptions } from './generate-command.ts'
import { snakeCase, UsageError } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session } from './session.ts'

interface Options extends CommonOptions, SamplingOptions {
  model: string
  system?: string
  message?: string
  image?: string[]
}

type Message = { role: ChatMessage['role']; content: string; images?: ImageRef[] }

const HELP = 'Commands: /reset begins anew, /exit leaves (so does the end of the input). Ctrl-C stops an answer.'

export function addChatCommand(program: Command, host: CliHost): void {
  const command = program
    .command('chat')
    .description('Talk to a model. Sampling is as in the window unless options say otherwise.')
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .option('--system <text>', 'system message')
    .option('--message <text>', 'one message, one answer; needed for --json')
    .option('--image <file>', 'picture shown with the first message, to a model that sees; repeatable', list)
  samplingOptions(command, 0.7).option('--no-fast', 'exact float32 activations')
  common(command).action((options: Options) => runInSession(host, options, (session) => chat(host, session, options)))
}

async function chat(host: CliHost, session: Session, options: Options) {
  const model = await session.services.models.open(options.model)
  if (options.message !== undefined) {
    const messages = [...systemMessage(options), message('user', options.message, options.image)]
    const result = await answer(session, model.id, messages, options, session.json)
    return session.json ? { text: '', json: snakeCase({ ...result, model: model.path }) } : null
  }
  if (session.json) throw new UsageError('--json needs --message: a conversation is not one document.')
  session.streams.stderr(`${model.name}. ${HELP}\n`)
  let messages = systemMessage(options)
  for (;;) {
    const line = await host.readLine('> ')
    if (line === null || line.trim() === '/exit') return null
    if (line.trim() === '') continue
    if (line.trim() === '/reset') {
      messages = systemMessage(options)
      continue
    }
    const first = messages.every(({ role }) => role === 'system')
    const asked = [...messages, message('user', line, first ? options.image : [])]
    const { text } = await answer(session, model.id, asked, options, false)
    messages = [...asked, message('assistant', text)]
  }
}

async function answer(
  { services, signal, streams }: Session,
  modelId: string,
  messages: Message[],
  options: Options,
  silent: boolean,
): Promise<ChatResult> {
  const { path } = await services.models.find(modelId)
  const sampling = await samplingOf(path, options, samplingSchema.parse({}))
  const result = await services.chat.generate(
    { modelId, prompt: { kind: 'messages', messages }, sampling, run: runOf(options) },
    {
      signal,
      emit(event) {
        if (!silent && event.type === 'text') streams.stdout(event.delta)
      },
    },
  )
  if (signal.aborted) throw new AppError('cancelled', 'cancelled')
  if (!silent) {
    streams.stdout('\n')
    const { newIds, tokensPerSecond, timeToFirstTokenMs, finishReason } = result
    const stats = `${newIds.length} tokens, ${tokensPerSecond.toFixed(1)} tokens/s, first after ${timeToFirstTokenMs.toFixed(0)} ms`
    streams.stderr(`[${stats}, ${finishReason}]\n`)
  }
  return result
}

function systemMessage({ system }: Options): Message[] {
  return system === undefined ? [] : [message('system', system)]
}

function message(role: Message['role'], content: string, images: string[] = []): Message {
  return { role, content, images: images.map((path) => ({ kind: 'file', path: resolve(path) })) }
}
