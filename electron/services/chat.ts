/** Chats and plain continuations: finds and loads the model, builds the prompt, streams the answer. */
import type { ChatEvent, ChatResult } from '../contract/app.ts'
import type { ChatMessage, DeviceChoice, Sampling } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import type { StreamContext } from '../rpc/server.ts'
import { type GenerationDeps, generate } from './generation.ts'
import type { LoadedModels } from './loaded-models.ts'
import type { Models } from './models.ts'
import type { Pictures } from './pictures.ts'
import { checkPromptLength, endIds } from './prompt.ts'
import { preparePrompt, type SeenPromptInput } from './seen-prompt.ts'

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
  pictures: Pictures
  randomSeed(): number
}

export interface GenerateRequest {
  modelId: string
  prompt: SeenPromptInput
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

  return {
    async render(modelId, messages) {
      const { text, ids } = await preparePrompt(deps, await models.summary(modelId), messagesPrompt(messages))
      return { text, ids }
    },
    async generate({ modelId, prompt, sampling, run }, { signal, emit }) {
      const model = await models.summary(modelId)
      if (model.runProblem !== null) throw AppError.fromShape(model.runProblem)
      const options = { ...defaults(), ...run }
      const contextLength = Math.min(options.contextLength, model.config?.contextLength ?? options.contextLength)
      const { text, ids, pixels } = await preparePrompt(deps, model, prompt)
      checkPromptLength(ids.length, contextLength)
      const ends = await endIds(tokenizers, model.path)
      const spec = { ...options, dir: model.path, contextLength }
      const turn = { purpose: `an answer of ${model.name}`, signal, wait: false }
      const seed = sampling.seed ?? randomSeed()
      return loaded.use(
        spec,
        turn,
        async ({ handle }) => {
          emit({ type: 'prompt', text, tokens: ids.length, reusedTokens: 0 })
          const request = { dir: model.path, handle, ids, pixels, stopIds: ends, sampling: { ...sampling, seed } }
          return generate(deps, request, signal, emit)
        },
        () => emit({ type: 'loading', modelId }),
      )
    },
  }
}

/** A conversation's messages with the pictures that the app keeps for it. */
export function messagesPrompt(messages: readonly ChatMessage[]): SeenPromptInput {
  return {
    kind: 'messages',
    messages: messages.map(({ role, content, images = [] }) => ({
      role,
      content,
      images: images.map(({ id }) => ({ kind: 'stored' as const, id })),
    })),
  }
}
