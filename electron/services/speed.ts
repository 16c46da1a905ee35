/** Speed and memory of a model as chats run it: several short generations, medians of their rates. */
import type { MemoryParts } from '../contract/domain.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import { deviceLabel } from './devices.ts'
import type { Engine } from './engine.ts'
import { type EvaluationText, tokenize } from './evaluation-text.ts'
import type { LoadedModels, LoadSpec } from './loaded-models.ts'
import type { MachineInfo } from './machine.ts'
import { memoryParts } from './memory-parts.ts'

const RUNS = 3
const PROMPT_TOKENS = 128
const NEW_TOKENS = 64
/** Enough text for all prompts in any language. */
const SAMPLE_CHARACTERS = 20_000

export interface SpeedDeps {
  engine: Engine
  tokenizers: Tokenizers
  loaded: LoadedModels
  machine: MachineInfo
}

export interface SpeedRequest {
  spec: LoadSpec
  name: string
  text: EvaluationText
}

export interface SpeedResult {
  decodeTokensPerSecond: number
  prefillTokensPerSecond: number
  memory: MemoryParts
  seconds: number
  engineVersion: string
  protocol: Record<string, string | number | boolean>
}

export async function measureSpeed(
  { engine, tokenizers, loaded, machine }: SpeedDeps,
  { spec, name, text }: SpeedRequest,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<SpeedResult> {
  const { ids, specialIds } = await tokenize(tokenizers, spec.dir, text.text.slice(0, SAMPLE_CHARACTERS), signal)
  const { simd, threads } = await machine.machine()
  const turn = { purpose: `timing ${name}`, signal, wait: true }
  const prompts = promptsFrom(ids.slice(specialIds.length), specialIds, spec.contextLength)
  const { runs, ranOn } = await loaded.use(spec, turn, async ({ handle, device }) => {
    const measured = []
    // The first run pays for page faults and caches; it is not counted.
    for (const [index, prompt] of prompts.entries()) {
      onProgress(index, prompts.length)
      const input = { handle, ids: prompt, ...GREEDY, maxNewTokens: NEW_TOKENS, stopIds: [] }
      const result = await engine.stream('model.generate', input, { signal, onEvent() {} })
      signal.throwIfAborted()
      if (index > 0) measured.push(result)
    }
    return { runs: measured, ranOn: device }
  })
  return {
    decodeTokensPerSecond: median(runs.map((run) => rate(run.newIds.length - 1, run.decodeSeconds))),
    prefillTokensPerSecond: median(runs.map((run) => rate(run.promptTokens - run.reusedTokens, run.prefillSeconds))),
    memory: memoryParts(
      // At least one run is counted: there are always RUNS + 1 prompts.
      (runs.at(-1) as (typeof runs)[number]).memory,
    ),
    seconds: runs.reduce((sum, run) => sum + run.prefillSeconds + run.decodeSeconds, 0),
    engineVersion: await machine.engineVersion(),
    protocol: {
      promptTokens: prompts[0]?.length ?? 0,
      newTokens: NEW_TOKENS,
      runs: RUNS,
      computeDtype: spec.computeDtype,
      numerics: spec.fast ? 'fast' : 'exact',
      contextLength: spec.contextLength,
      device: deviceLabel(ranOn),
      simd: simd.active,
      threads,
    },
  }
}

const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0 }

/** Different places of the text, so that no run finds the prompt of the one before in its KV cache. */
function promptsFrom(ids: readonly number[], specialIds: readonly number[], contextLength: number): number[][] {
  const length = Math.max(1, Math.min(PROMPT_TOKENS, contextLength - NEW_TOKENS - 1, ids.length) - specialIds.length)
  return Array.from({ length: RUNS + 1 }, (_, run) => {
    const start = Math.floor(((ids.length - length) * run) / (RUNS + 1))
    return [...specialIds, ...ids.slice(start, start + length)]
  })
}

function rate(tokens: number, seconds: number): number {
  return seconds > 0 ? Math.max(0, tokens) / seconds : 0
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
