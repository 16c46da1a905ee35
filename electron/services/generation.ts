/** One answer: token ids go in, text comes out as it is certain, until an end id, a stop string, the length or a cancel. */
import type { ChatEvent, ChatResult } from '../contract/app.ts'
import type { Sampling } from '../contract/domain.ts'
import type { EngineContract } from '../contract/engine.ts'
import type { OutputOf } from '../contract/method.ts'
import { createStopStrings } from '../tokenizer/stop-strings.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import type { PixelValues } from '../vision/pixel-values.ts'
import type { Engine } from './engine.ts'
import { memoryParts } from './memory-parts.ts'
import { withPixelsFile } from './pixels.ts'

export interface GenerationRequest {
  dir: string
  handle: string
  ids: readonly number[]
  stopIds: readonly number[]
  /** What the picture tokens of `ids` stand for. */
  pixels?: readonly PixelValues[]
  sampling: Omit<Sampling, 'seed'> & { seed: number }
}

export interface GenerationDeps {
  engine: Engine
  tokenizers: Tokenizers
  /** For the pixel values of pictures, while they are looked at. */
  tempDir: string
  /** Milliseconds from any origin. */
  clock(): number
}

type Generated = OutputOf<EngineContract['model.generate']>

/** Cancelling ends it as an outcome: what was written so far is the answer. */
export async function generate(
  { engine, tokenizers, tempDir, clock }: GenerationDeps,
  request: GenerationRequest,
  signal: AbortSignal,
  emit: (event: ChatEvent) => void,
): Promise<ChatResult> {
  const stops = createStopStrings(request.sampling.stopStrings)
  const stream = tokenizers.openStream(request.dir)
  const stop = new AbortController()
  const shown: string[] = []
  const newIds: number[] = []
  const startedAt = clock()
  let firstTokenAt: number | null = null
  let waiting: number[] = []
  let decoding: Promise<void> = Promise.resolve()

  function show(text: string, newTokens: number): void {
    if (text === '') return
    shown.push(text)
    emit({ type: 'text', delta: text, newTokens })
  }

  /** Decodes all that has come in meanwhile, one request to the tokenizer at a time. */
  function pump(): void {
    decoding = decoding.then(async () => {
      const ids = waiting
      waiting = []
      if (ids.length === 0 || stops.stopped) return
      show(stops.push(await stream.push(ids)), ids.length)
      if (stops.stopped) stop.abort()
    })
    // Told by the awaited `decoding` below; without this it would count as unhandled until then.
    decoding.catch(() => stop.abort())
  }

  const { stopStrings: _, ...sampling } = request.sampling
  const generated = await withPixelsFile(tempDir, request.pixels ?? [], (pixelsFile) =>
    engine.stream(
      'model.generate',
      { handle: request.handle, ids: [...request.ids], stopIds: [...request.stopIds], pixelsFile, ...sampling },
      {
        signal: AbortSignal.any([signal, stop.signal]),
        onEvent(event) {
          if (event.type === 'prefill') return emit({ type: 'prefill', done: event.done, total: event.total })
          firstTokenAt ??= clock()
          newIds.push(event.id)
          waiting.push(event.id)
          pump()
        },
      },
    ),
  )
  await decoding
  const rest = stops.push(await stream.end())
  show(rest + stops.end(), 0)
  return {
    text: shown.join(''),
    newIds: stops.stopped ? newIds : generated.newIds,
    finishReason: stops.stopped ? 'stop-string' : generated.finishReason,
    seed: sampling.seed,
    promptTokens: generated.promptTokens,
    reusedTokens: generated.reusedTokens,
    timeToFirstTokenMs: (firstTokenAt ?? clock()) - startedAt,
    tokensPerSecond: decodeRate(generated),
    memory: memoryParts(generated.memory),
  }
}

/** The first token comes out of the prefill, so it does not count as decoded. */
function decodeRate({ newIds, decodeSeconds }: Generated): number {
  return decodeSeconds > 0 ? Math.max(0, newIds.length - 1) / decodeSeconds : 0
}
