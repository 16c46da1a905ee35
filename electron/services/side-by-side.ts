/**
 * One prompt, several versions: their answers, where these part, and how differently the reference would have gone on at each token.
 * Each answer is compared on its own words: both models read the prompt and that answer.
 */
import type { Answer, Prompt, SideBySideEvent, SideBySideRequest, SideBySideResult } from '../contract/difference.ts'
import type { ModelSummary } from '../contract/domain.ts'
import { firstDifference, summarizeDivergence } from '../plan/divergence.ts'
import type { StreamContext } from '../rpc/server.ts'
import type { RunOptions } from './chat.ts'
import { comparedTokens } from './compared-tokens.ts'
import { deviceLabel } from './devices.ts'
import type { DivergenceDeps } from './divergence.ts'
import type { Divergence } from './divergence-columns.ts'
import { type DivergenceSession, withDivergenceSession } from './divergence-session.ts'
import { generate } from './generation.ts'
import { checkPromptLength, endIds, type PromptInput, promptIds } from './prompt.ts'

export interface SideBySideDeps extends DivergenceDeps {
  defaults(): RunOptions
  clock(): number
  randomSeed(): number
}

type Sampling = SideBySideRequest['sampling']

/** An answer as it was written. */
export interface WrittenAnswer {
  modelId: string
  dir: string
  promptIds: readonly number[]
  newIds: readonly number[]
  text: string
  finishReason: Answer['finishReason']
  tokensPerSecond: number
}

export interface WriteOptions {
  modelIds: readonly string[]
  prompt: Prompt
  sampling: Sampling & { seed: number }
  purpose: string
  signal: AbortSignal
  /** False: throw `busy` instead of waiting for the engine. */
  wait: boolean
  onLoading(modelId: string): void
  onText(modelId: string, delta: string): void
}

/** The answers, in the arithmetic of measurements; then `more` with the models as they are. */
export async function writeAnswers<T>(
  deps: SideBySideDeps,
  { modelIds, prompt, sampling, purpose, signal, wait, onLoading, onText }: WriteOptions,
  more: (answers: WrittenAnswer[], session: DivergenceSession) => Promise<T>,
): Promise<T> {
  const { models, tokenizers } = deps
  const summaries = await Promise.all(modelIds.map((id) => models.summary(id)))
  const { contextLength: wanted, computeDtype, device } = deps.defaults()
  const contextLength = Math.min(wanted, ...summaries.map(({ config }) => config?.contextLength ?? wanted))
  const prompts = await Promise.all(summaries.map(({ path }) => promptIds(tokenizers, path, inputOf(prompt))))
  for (const { ids } of prompts) checkPromptLength(ids.length, contextLength)
  const request = { modelIds, contextLength, computeDtype, device, purpose, signal, wait, onLoading }
  return withDivergenceSession(deps, request, async (session) => {
    const answers: WrittenAnswer[] = []
    for (const [index, model] of summaries.entries()) {
      const ids = prompts[index]?.ids ?? []
      // The last token is read again when answers are compared, so it has to fit as well.
      const maxNewTokens = Math.min(sampling.maxNewTokens, contextLength - ids.length)
      const limited = { ...sampling, maxNewTokens }
      answers.push(await answerOf(deps, session, { index, model, ids, sampling: limited, signal, onText }))
      signal.throwIfAborted()
    }
    return more(answers, session)
  })
}

interface OneAnswer extends Pick<WriteOptions, 'sampling' | 'signal' | 'onText'> {
  index: number
  model: ModelSummary
  ids: readonly number[]
}

async function answerOf(
  deps: SideBySideDeps,
  session: DivergenceSession,
  { index, model, ids, sampling, signal, onText }: OneAnswer,
): Promise<WrittenAnswer> {
  const { handle } = await session.model(index)
  const request = {
    ...{ dir: model.path, handle, ids, stopIds: await endIds(deps.tokenizers, model.path) },
    // No filter and no penalty: what is compared is the model, not the sampler.
    sampling: { ...sampling, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, stopStrings: [] },
  }
  const written = await generate(deps, request, signal, (event) => {
    if (event.type === 'text') onText(model.id, event.delta)
  })
  const { text, newIds, finishReason, tokensPerSecond } = written
  return { modelId: model.id, dir: model.path, promptIds: ids, newIds, text, finishReason, tokensPerSecond }
}

function inputOf(prompt: Prompt): PromptInput {
  if (prompt.kind === 'text') return prompt
  return { kind: 'messages', messages: [{ role: 'user', content: prompt.text }] }
}

/** Throws as withDivergenceSession, and `bad-input` for a prompt that leaves no room. */
export async function sideBySide(
  deps: SideBySideDeps,
  { modelIds, prompt, sampling }: SideBySideRequest,
  { signal, emit }: StreamContext<SideBySideEvent>,
  { wait = false } = {},
): Promise<SideBySideResult> {
  const seed = sampling.seed ?? deps.randomSeed()
  const options = {
    ...{ modelIds, prompt, sampling: { ...sampling, seed }, signal, wait },
    purpose: 'answers side by side',
    onLoading: (modelId: string) => emit({ type: 'loading', modelId }),
    onText: (modelId: string, delta: string) => emit({ type: 'text', modelId, delta }),
  }
  return writeAnswers(deps, options, async (written, session) => {
    const [reference, ...others] = written
    if (reference === undefined) throw new RangeError('no models')
    const tasks = others.map(({ promptIds: asked, newIds }, index) => {
      const ids = [...asked, ...newIds]
      return { model: index + 1, ids, window: ids.length }
    })
    const found = await session.diverge(tasks, (done, total) => {
      emit({ type: 'comparing', modelId: reference.modelId, done, total })
    })
    const answers = [await shown(deps, reference, reference, null)]
    for (const [index, answer] of others.entries()) {
      answers.push(await shown(deps, answer, reference, found[index] ?? null))
    }
    for (const answer of answers) emit({ type: 'answer', answer })
    const { computeDtype } = deps.defaults()
    return { answers, seed, together: session.together, computeDtype, device: deviceLabel(session.device()) }
  })
}

async function shown(
  { tokenizers }: SideBySideDeps,
  { modelId, dir, promptIds: asked, newIds, text, finishReason, tokensPerSecond }: WrittenAnswer,
  reference: WrittenAnswer,
  divergence: Divergence | null,
): Promise<Answer> {
  const begin = asked.length
  const own = divergence === null ? null : rowsFrom(divergence, begin)
  return {
    ...{ modelId, text, finishReason, tokensPerSecond },
    tokens: await comparedTokens(tokenizers, dir, { ids: [...asked, ...newIds], begin }, own),
    firstDifference: modelId === reference.modelId ? null : firstDifference(reference.newIds, newIds),
    summary: own === null ? null : summarizeDivergence(own, 1),
  }
}

/** Without what is about the prompt. */
function rowsFrom(divergence: Divergence, begin: number): Divergence {
  const kept = divergence.position.flatMap((position, row) => (position >= begin ? [row] : []))
  const pick = (column: readonly number[]) => kept.map((row) => column[row] ?? 0)
  return {
    position: pick(divergence.position),
    kl: pick(divergence.kl),
    referenceNll: pick(divergence.referenceNll),
    nll: pick(divergence.nll),
    referenceTop: pick(divergence.referenceTop),
    top: pick(divergence.top),
    referenceTopNll: pick(divergence.referenceTopNll),
    topNll: pick(divergence.topNll),
  }
}
