import type { ChatMessage } from '../../../electron/contract/domain.ts'
import { formatCount, formatDuration, formatMemory, formatTokensPerSecond } from '../../ui/format.ts'
import { ProtocolPopover } from '../../ui/stat.tsx'
import { endingOf } from './finish-reason.ts'

export interface AnswerStatsProps {
  stats: NonNullable<ChatMessage['stats']>
  modelName: string
}

/** How an answer was made, in one line that opens to the whole story. */
export function AnswerStats({ stats, modelName }: AnswerStatsProps) {
  const ending = endingOf(stats.finishReason)
  const parts = [
    modelName,
    `${formatCount(stats.newTokens)} ${stats.newTokens === 1 ? 'token' : 'tokens'}`,
    formatTokensPerSecond(stats.tokensPerSecond),
    `first after ${formatDuration(stats.timeToFirstTokenMs / 1000)}`,
    formatMemory(stats.memoryBytes),
  ]
  const story = {
    Model: modelName,
    Prompt: `${formatCount(stats.promptTokens)} tokens`,
    Answer: `${formatCount(stats.newTokens)} tokens`,
    Speed: `${formatTokensPerSecond(stats.tokensPerSecond)}, after the first token`,
    'Time to first token': formatDuration(stats.timeToFirstTokenMs / 1000),
    Memory: `${formatMemory(stats.memoryBytes)}, measured`,
    Seed: String(stats.seed),
    Ending: ending.explanation,
  }
  return (
    <div className="flex min-w-0 flex-wrap items-center gap-x-2 text-xs text-ink-3">
      <ProtocolPopover protocol={story} label="How this answer was made">
        {parts.map((part, index) => (
          <span key={part} className="whitespace-nowrap">
            {index > 0 && ' · '}
            {part}
          </span>
        ))}
      </ProtocolPopover>
      <span className={ending.cutShort ? 'font-medium text-warn-text' : undefined} title={ending.explanation}>
        {ending.label}
      </span>
    </div>
  )
}
