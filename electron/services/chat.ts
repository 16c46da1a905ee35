/** Chats and plain continuations: finds and loads the model, builds the prompt, streams the answer. */
import type { ChatEvent, ChatResult } from '../contract/app.ts'
import type { ChatMessage, DeviceChoice, Sampling } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import type { StreamContext } from '../rpc/server.ts'
import { type GenerationDeps, generate } from './generation.ts'
import { stopIds } from './generation-config.ts'
import type { LoadedModels } from './loaded-models.ts'
import type { Models } from './models.ts'

/** How the model is run; null takes what the settings say. */
export interface RunOptions {
  computeDtype: ComputeDtype
  contextLength: number
  fast: boolean
  device: DeviceChoice
}

export interface ChatDeps extends GenerationDeps {
  models: Models
  loaded: LoadedModels
  defaults(): RunOptions
  randomSeed(): number
}

type Prompt = { kind: 'messages'; messages: readonly ChatMessage[] } | { kind: 'text'; text: string }

export interface GenerateRequest {
  modelId: string
  prompt: Prompt
  sampling: Sampling
  run?: Partial<RunOptions>
}

export interface Chat {
  /** The prompt exactly as the model will see it. */
  render(modelId: string, messages: readonly ChatMessage[]): Promise<{ text: string; ids: number[] }>
  generate(request: GenerateRequest, context: StreamContext<ChatEvent>): Promise<ChatResult>
}

export function createChat(deps: ChatDeps): Chat {
  const { models, loaded, tokenizers, defaults, randomSeed } = deps

  async function idsOf(dir: string, prompt: Prompt): Promise<{ text: string; ids: number[] }> {
    if (prompt.kind === 'messages') return tokenizers.prompt(dir, prompt.messages)
    const ids = await tokenizers.encode(dir, prompt.text, { addSpecialTokens: true })
    return { text: prompt.text, ids }
  }

  return {
    async render(modelId, messages) {
      const { path } = await models.find(modelId)
      return idsOf(path, { kind: 'messages', messages })
    },
    async generate({ modelId, prompt, sampling, run }, { signal, emit }) {
      const model = await models.summary(modelId)
      if (model.runProblem !== null) throw AppError.fromShape(model.runProblem)
      const options = { ...defaults(), ...run }
      const contextLength = Math.min(options.contextLength, model.config?.contextLength ?? options.contextLength)
      const { text, ids } = await idsOf(model.path, prompt)
      checkLength(ids.length, contextLength)
      const ends = await stopIdsOf(model.path, tokenizers)
      const spec = { ...options, dir: model.path, contextLength }
      const turn = { purpose: `an answer of ${model.name}`, signal, wait: false }
      const seed = sampling.seed ?? randomSeed()
      return loaded.use(
        spec,
        turn,
        async ({ handle }) => {
          emit({ type: 'prompt', text, tokens: ids.length, reusedTokens: 0 })
          const request = { dir: model.path, handle, ids, stopIds: ends, sampling: { ...sampling, seed } }
          return generate(deps, request, signal, emit)
        },
        () => emit({ type: 'loading', modelId }),
      )
    },
  }
}

function checkLength(tokens: number, contextLength: number): void {
  if (tokens === 0) throw new AppError('bad-input', 'There is nothing to answer: the prompt is empty.')
  if (tokens < contextLength) return
  throw new AppError(
    'bad-input',
    `The prompt has ${tokens} tokens, but the context holds ${contextLength}. Shorten the conversation, or raise the context length.`,
    { tokens, contextLength },
  )
}

/** Ids that end an answer: what the model's files say, else the tokenizer's end token. */
async function stopIdsOf(dir: string, tokenizers: ChatDeps['tokenizers']): Promise<number[]> {
  const own = await stopIds(dir)
  if (own !== null) return own
  const eos = await tokenizers.eosId(dir)
  return eos === null ? [] : [eos]
}
