/** A long conversation and a model that speaks at a given rate. */
import type { ChatMessage, Conversation } from '../../electron/contract/domain.ts'
import type { Script } from '../hosts/scripted-rpc.ts'

export const TOKENS_PER_SECOND = 200
export const STREAM_SECONDS = 10

const CHARACTERS_PER_TOKEN = 4
const TEXT = `## What quantization does

HQQ stores each weight in **4 bits** instead of 16. Groups of 64 values share one *scale* and one *zero*:

1. Find the range of the group.
2. Round to \`2^nbits\` levels.
   - keep the scale
   - keep the zero

\`\`\`python
def dequantize(w_q, scale, zero):
    return (w_q - zero) * scale
\`\`\`

| bits | perplexity | bytes |
| ---- | ---------- | ----- |
| 4    | 25.1       | 9 MB  |
| 2    | 55.0       | 6 MB  |

> Fewer bits are cheaper, until the text says so.

`

/** `count` messages, questions and long answers in turn. */
export function longConversation(count: number): Conversation {
  const messages: ChatMessage[] = Array.from({ length: count }, (_, index) =>
    index % 2 === 0
      ? { id: `q${index}`, role: 'user', content: 'What does quantization do to a model, and what does it cost?' }
      : { id: `a${index}`, role: 'assistant', content: TEXT },
  )
  const at = new Date().toISOString()
  return {
    id: 'long',
    title: 'A long conversation',
    modelId: 'demo',
    messages,
    sampling: {
      temperature: 0.7,
      topK: 40,
      topP: 0.95,
      minP: 0,
      repetitionPenalty: 1.1,
      seed: null,
      maxNewTokens: 256,
      stopStrings: [],
    },
    createdAt: at,
    updatedAt: at,
  }
}

/** Sends one event a token, on time whatever the timers do, until it is cancelled. */
export function speakAt(tokensPerSecond: number): Script {
  return async ({ signal, event }) => {
    event({ type: 'prompt', text: '', tokens: 10, reusedTokens: 0 })
    const begun = performance.now()
    let spoken = 0
    let text = ''
    while (!signal.aborted && spoken < tokensPerSecond * STREAM_SECONDS * 2) {
      const due = ((performance.now() - begun) * tokensPerSecond) / 1000
      for (; spoken < due; spoken++) {
        const delta = pieceOf(spoken)
        text += delta
        event({ type: 'text', delta, newTokens: 1 })
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return {
      text,
      newIds: [],
      finishReason: 'cancelled',
      seed: 0,
      promptTokens: 10,
      reusedTokens: 0,
      timeToFirstTokenMs: 0,
      tokensPerSecond,
      memory: { weights: 0, metadata: 0, kvCache: 0, scratch: 0, other: 0 },
    }
  }
}

function pieceOf(token: number): string {
  const from = (token * CHARACTERS_PER_TOKEN) % TEXT.length
  return TEXT.slice(from, from + CHARACTERS_PER_TOKEN)
}
