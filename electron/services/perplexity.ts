/** Perplexity of a model on a text, with everything on record that a comparison depends on. */
import type { DeviceChoice, EvaluateRequest } from '../contract/domain.ts'
import type { ComputeDtype } from '../contract/quant.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import { deviceLabel } from './devices.ts'
import type { Engine } from './engine.ts'
import { type EvaluationText, tokenize, withIdsFile } from './evaluation-text.ts'
import type { LoadedModels } from './loaded-models.ts'
import type { MachineInfo } from './machine.ts'

export interface PerplexityDeps {
  engine: Engine
  tokenizers: Tokenizers
  loaded: LoadedModels
  machine: MachineInfo
  /** For the file of ids, while it runs. */
  tempDir: string
}

export interface PerplexityRequest extends Pick<EvaluateRequest, 'protocol' | 'window' | 'stride' | 'maxTokens'> {
  dir: string
  /** For people. */
  name: string
  text: EvaluationText
  computeDtype: ComputeDtype
  device: DeviceChoice
}

export interface PerplexityProgress {
  done: number
  total: number
  perplexity: number | null
}

export interface PerplexityResult {
  perplexity: number
  /** What the mean is over: all ids of the stream in `hqq`, the scored ones in `windows`. */
  tokens: number
  scoredTokens: number
  windows: number
  seconds: number
  engineVersion: string
  protocol: PerplexityRecord
}

/** How it was measured. */
export interface PerplexityRecord {
  [field: string]: string | number | boolean | null | number[]
  protocol: string
  window: number
  stride: number | null
  textSha256: string
  text: string
  /** Ids of the stream, special ones included. */
  streamTokens: number
  specialIds: number[]
  computeDtype: string
  device: string
  simd: string
  threads: number
}

export async function measurePerplexity(
  { engine, tokenizers, loaded, machine, tempDir }: PerplexityDeps,
  request: PerplexityRequest,
  signal: AbortSignal,
  onProgress: (progress: PerplexityProgress) => void,
): Promise<PerplexityResult> {
  const { dir, text, protocol, window, stride, maxTokens, computeDtype, device } = request
  const { ids, specialIds } = await tokenize(tokenizers, dir, text.text, signal)
  const stream = maxTokens === null ? ids : ids.slice(0, maxTokens)
  const spec = { dir, computeDtype, contextLength: window, fast: false, device }
  const turn = { purpose: `measuring ${request.name}`, signal, wait: true }
  const { simd, threads } = await machine.machine()
  const { measured, ranOn } = await withIdsFile(tempDir, stream, (idsFile) =>
    loaded.use(spec, turn, async (model) => {
      const input = { handle: model.handle, idsFile, protocol, window, stride, maxTokens }
      const result = await engine.stream('model.perplexity', input, { signal, onEvent: onProgress })
      return { measured: result, ranOn: model.device }
    }),
  )
  return {
    perplexity: measured.perplexity,
    tokens: protocol === 'hqq' ? measured.tokens : measured.scoredTokens,
    scoredTokens: measured.scoredTokens,
    windows: measured.windows,
    seconds: measured.seconds,
    engineVersion: await machine.engineVersion(),
    protocol: {
      protocol,
      window,
      stride: protocol === 'hqq' ? stride : null,
      textSha256: text.sha256,
      text: text.name,
      streamTokens: measured.tokens,
      specialIds: [...specialIds],
      computeDtype,
      device: deviceLabel(ranOn),
      simd: simd.active,
      threads,
    },
  }
}

/** Equal keys, comparable numbers. Instruction sets and threads change nothing that counts. */
export function perplexityKey({
  protocol,
  window,
  stride,
  textSha256,
  streamTokens,
  specialIds,
  computeDtype,
  device,
}: PerplexityRecord): string {
  return [
    'perplexity',
    protocol,
    window,
    stride,
    textSha256,
    streamTokens,
    specialIds.join('+'),
    computeDtype,
    device,
  ].join('|')
}
