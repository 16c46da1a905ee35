/** A conversation as a file a person can keep: Markdown to read, JSON with everything. */
import type { Conversation } from '../../../electron/contract/domain.ts'
import { safeFileName } from '../../ui/download.ts'
import { endingOf } from './finish-reason.ts'

export interface ExportedChat {
  fileName: string
  mimeType: string
  content: string
}

const SPEAKERS = { system: 'System', user: 'You', assistant: 'Model' } as const

/** `modelName` turns a model id into the name it has now. */
export function chatAsMarkdown(conversation: Conversation, modelName: (id: string) => string): ExportedChat {
  const parts = conversation.messages.map((message) => {
    const { stats } = message
    const speaker = stats ? `${SPEAKERS.assistant} (${modelName(stats.modelId)})` : SPEAKERS[message.role]
    const measured = stats
      ? `\n\n*${stats.newTokens} tokens, ${stats.tokensPerSecond.toFixed(1)} tok/s, first token after ${Math.round(stats.timeToFirstTokenMs)} ms, seed ${stats.seed}, ${endingOf(stats.finishReason).label}*`
      : ''
    const shown = (message.images ?? []).map(({ name }) => `*Picture: ${name}*\n\n`).join('')
    return `## ${speaker}\n\n${shown}${message.content.trim()}${measured}`
  })
  const head = `# ${conversation.title}\n\nModel: ${modelName(conversation.modelId)}. Last change: ${conversation.updatedAt}.`
  return {
    fileName: `${fileStem(conversation.title)}.md`,
    mimeType: 'text/markdown',
    content: `${[head, ...parts].join('\n\n')}\n`,
  }
}

export function chatAsJson(conversation: Conversation): ExportedChat {
  return {
    fileName: `${fileStem(conversation.title)}.json`,
    mimeType: 'application/json',
    content: `${JSON.stringify(conversation, null, 2)}\n`,
  }
}

function fileStem(title: string): string {
  return safeFileName(title).slice(0, 60).toLowerCase()
}
