/** Why an answer ended, in words. */
import type { FinishReason } from '../../../electron/contract/domain.ts'

interface Ending {
  label: string
  /** A sentence for the reader who wants to know more; names the cure where there is one. */
  explanation: string
  /** True when the model did not come to its own end. */
  cutShort: boolean
}

const ENDINGS: Record<FinishReason, Ending> = {
  eos: { label: 'complete', explanation: 'The model ended its answer by itself.', cutShort: false },
  length: {
    label: 'length limit reached',
    explanation: 'The answer reached the limit of new tokens. Raise "Max new tokens" to let it write more.',
    cutShort: true,
  },
  'context-full': {
    label: 'context full',
    explanation:
      'Prompt and answer fill the context. Begin a new chat, shorten this one, or raise the context length in Settings.',
    cutShort: true,
  },
  'stop-string': {
    label: 'stop text met',
    explanation: 'The answer contained one of the stop texts of this chat.',
    cutShort: false,
  },
  cancelled: { label: 'stopped', explanation: 'You stopped this answer. What was written is kept.', cutShort: true },
}

/** Words for a finish reason; an unknown one (from a later version) is shown as it is. */
export function endingOf(reason: string): Ending {
  const known = Object.entries(ENDINGS).find(([key]) => key === reason)?.[1]
  return known ?? { label: reason, explanation: `The answer ended with "${reason}".`, cutShort: false }
}
