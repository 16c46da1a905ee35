/** Versions compared on a text that a person typed or pasted, short enough to be shown token by token. */
import {
  type ComparedToken,
  TEXT_LIMIT_TOKENS,
  type TextComparisonRequest,
  type TextComparisonResult,
} from '../contract/difference.ts'
import type { RunOptions } from './chat.ts'
import { comparedTokens } from './compared-tokens.ts'
import { type DivergenceDeps, type DivergenceProgress, measureDivergence } from './divergence.ts'
import { sha256 } from './source-hashes.ts'

export interface TextComparisonDeps extends DivergenceDeps {
  defaults(): RunOptions
}

export async function compareOnText(
  deps: TextComparisonDeps,
  { modelIds, text, window }: TextComparisonRequest,
  { signal, emit }: { signal: AbortSignal; emit(progress: DivergenceProgress): void },
): Promise<TextComparisonResult> {
  const { computeDtype, device } = deps.defaults()
  const own = { text, name: 'a text of your own', sha256: sha256(text) }
  const request = { modelIds, text: own, window, maxTokens: TEXT_LIMIT_TOKENS, computeDtype, device, wait: false }
  const measured = await measureDivergence(deps, request, signal, emit)
  const versions = []
  for (const { modelId, summary, divergence } of measured.versions) {
    const { path } = await deps.models.find(modelId)
    const tokens: ComparedToken[] = await comparedTokens(deps.tokenizers, path, { ids: measured.ids }, divergence)
    versions.push({ modelId, summary, tokens })
  }
  return { cut: measured.cut, protocol: measured.protocol, versions }
}
