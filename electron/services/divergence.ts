/** How far versions of a model are from their original on a text, with everything on record that a comparison depends on. */
import type { DivergenceProtocol, DivergenceSummary } from '../contract/difference.ts'
import type { DeviceChoice } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import { summarizeDivergence } from '../plan/divergence.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import { deviceLabel } from './devices.ts'
import type { Divergence } from './divergence-columns.ts'
import { type DivergenceSessionDeps, withDivergenceSession } from './divergence-session.ts'
import { type EvaluationText, type TokenizedText, tokenize } from './evaluation-text.ts'
import { windowsIn } from './logit-batches.ts'

export interface DivergenceDeps extends DivergenceSessionDeps {
  tokenizers: Tokenizers
}

export interface DivergenceRequest {
  /** The first is the reference. */
  modelIds: readonly string[]
  text: EvaluationText
  /** Shorter texts and contexts make it smaller. */
  window: number
  maxTokens: number | null
  computeDtype: ComputeDtype
  device: DeviceChoice
  wait: boolean
}

export interface DivergenceProgress {
  phase: 'load' | 'compare'
  /** Tokens of all versions together. */
  done: number
  total: number
  modelId: string | null
}

export interface MeasuredDivergence {
  protocol: DivergenceProtocol
  /** Of the text, as far as it was looked at. */
  ids: readonly number[]
  /** Whether it was longer. */
  cut: boolean
  versions: { modelId: string; summary: DivergenceSummary; divergence: Divergence }[]
  seconds: number
  engineVersion: string
}

/** Throws `bad-input` for versions that do not share a vocabulary and for texts without two tokens. */
export async function measureDivergence(
  deps: DivergenceDeps,
  request: DivergenceRequest,
  signal: AbortSignal,
  onProgress: (progress: DivergenceProgress) => void,
): Promise<MeasuredDivergence> {
  const { machine } = deps
  const { modelIds, text, maxTokens, computeDtype, device, wait } = request
  const { ids: all, specialIds } = await tokenizeForAll(deps, modelIds, text, signal)
  const ids = all.slice(0, maxTokens ?? all.length)
  if (ids.length < 2) throw new AppError('bad-input', 'The text has fewer than two tokens. Choose a longer one.')
  const summaries = await Promise.all(modelIds.map((id) => deps.models.summary(id)))
  const contexts = summaries.map(({ config }) => config?.contextLength ?? Number.MAX_SAFE_INTEGER)
  const window = Math.min(request.window, ids.length, ...contexts)
  const started = performance.now()
  const { simd, threads } = await machine.machine()
  const session = {
    ...{ modelIds, contextLength: window, computeDtype, device, signal, wait },
    purpose: `comparing versions of ${summaries[0]?.name ?? 'a model'}`,
    onLoading: (modelId: string) => onProgress({ phase: 'load', done: 0, total: 0, modelId }),
  }
  const { found, ranOn, together } = await withDivergenceSession(deps, session, async (opened) => {
    const tasks = modelIds.slice(1).map((_, index) => ({ model: index + 1, ids, window }))
    const found = await opened.diverge(tasks, (done, total) =>
      onProgress({ phase: 'compare', done, total, modelId: null }),
    )
    return { found, ranOn: opened.device(), together: opened.together }
  })
  const windows = windowsIn({ ids, window })
  return {
    ids,
    cut: ids.length < all.length,
    versions: modelIds.slice(1).flatMap((modelId, index) => {
      const divergence = found[index]
      const summary = divergence === undefined ? null : summarizeDivergence(divergence, windows)
      return divergence === undefined || summary === null ? [] : [{ modelId, summary, divergence }]
    }),
    seconds: (performance.now() - started) / 1000,
    engineVersion: await machine.engineVersion(),
    protocol: {
      protocol: 'windows',
      window,
      text: text.name,
      textSha256: text.sha256,
      streamTokens: ids.length,
      specialIds: [...specialIds],
      temperature: 1,
      computeDtype,
      device: deviceLabel(ranOn),
      simd: simd.active,
      threads,
      loaded: together ? 'together' : 'one by one',
    },
  }
}

/** The same ids for all, or there is nothing to compare token by token. */
async function tokenizeForAll(
  { models, tokenizers }: DivergenceDeps,
  modelIds: readonly string[],
  { text }: EvaluationText,
  signal: AbortSignal,
): Promise<TokenizedText> {
  const entries = await Promise.all(modelIds.map((id) => models.find(id)))
  let first: { name: string; tokens: TokenizedText } | null = null
  for (const { name, path } of entries) {
    const tokens = await tokenize(tokenizers, path, text, signal)
    first ??= { name, tokens }
    if (first.tokens.ids.length === tokens.ids.length && first.tokens.ids.every((id, at) => id === tokens.ids[at]))
      continue
    throw new AppError(
      'bad-input',
      `${name} splits this text into other tokens than ${first.name}. Compare versions of one model.`,
    )
  }
  if (first === null) throw new AppError('bad-input', 'There is nothing to compare.')
  return first.tokens
}
