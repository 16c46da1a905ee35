/** One message of a conversation. Memoised: while another message streams, this one is not rendered. */
import { Pencil, RotateCcw } from 'lucide-react'
import { memo, useState } from 'react'
import type { ChatMessage } from '../../../electron/contract/domain.ts'
import { Button, IconButton } from '../../ui/button.tsx'
import { TextArea } from '../../ui/input.tsx'
import { AnswerStats } from './answer-stats.tsx'
import { CopyIconButton } from './copy-icon-button.tsx'
import { Markdown } from './markdown.tsx'
import { ShownPictures } from './shown-pictures.tsx'

/** Off-screen messages cost neither layout nor paint; their height is remembered once seen. */
const SKIPPED_OFF_SCREEN = '[content-visibility:auto] [contain-intrinsic-size:auto_12rem]'

export interface QuestionProps {
  message: ChatMessage
  editing: boolean
  /** False while an answer is written. */
  canEdit: boolean
  onEditing(id: string | null): void
  onEdit(id: string, text: string): void
}

export const Question = memo(function Question({ message, editing, canEdit, onEditing, onEdit }: QuestionProps) {
  if (editing) {
    return (
      <QuestionEditor message={message} onCancel={() => onEditing(null)} onSave={(text) => onEdit(message.id, text)} />
    )
  }
  return (
    <article aria-label="You" className={`group flex flex-col items-end gap-1 ${SKIPPED_OFF_SCREEN}`}>
      <ShownPictures images={message.images ?? []} />
      <div className="max-w-[85%] rounded-lg bg-selected px-3.5 py-2 text-base leading-relaxed break-words whitespace-pre-wrap">
        {message.content}
      </div>
      <div className="flex gap-0.5">
        <CopyIconButton label="Copy message" text={() => message.content} />
        <IconButton
          size="sm"
          label="Edit message"
          icon={Pencil}
          disabled={!canEdit}
          onClick={() => onEditing(message.id)}
        />
      </div>
    </article>
  )
})

interface QuestionEditorProps {
  message: ChatMessage
  onSave(text: string): void
  onCancel(): void
}

function QuestionEditor({ message, onSave, onCancel }: QuestionEditorProps) {
  const [text, setText] = useState(message.content)
  const empty = text.trim() === ''
  return (
    <form
      aria-label="Edit message"
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (!empty) onSave(text)
      }}
    >
      <TextArea
        aria-label="Message"
        value={text}
        rows={Math.min(12, text.split('\n').length + 1)}
        autoFocus
        className="text-base"
        onFocus={(event) => event.target.setSelectionRange(text.length, text.length)}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') {
            event.preventDefault()
            event.stopPropagation()
            onCancel()
          } else if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault()
            if (!empty) onSave(text)
          }
        }}
      />
      <div className="flex items-center justify-end gap-2">
        <p className="flex-1 text-xs text-ink-3">What follows this message is replaced. You can undo it.</p>
        <Button size="sm" onClick={onCancel}>
          Cancel
        </Button>
        <Button size="sm" variant="primary" type="submit" disabled={empty}>
          Ask again
        </Button>
      </div>
    </form>
  )
}

export interface AnswerProps {
  message: ChatMessage
  modelName: string
  /** Present on the last answer, when nothing is being written. */
  onRegenerate: (() => void) | null
}

export const Answer = memo(function Answer({ message, modelName, onRegenerate }: AnswerProps) {
  return (
    <article aria-label="Answer" className={`group flex flex-col gap-1.5 ${SKIPPED_OFF_SCREEN}`}>
      {message.content.trim() === '' ? (
        <p className="text-base text-ink-3 italic">The model wrote nothing.</p>
      ) : (
        <Markdown text={message.content} />
      )}
      <div className="flex min-w-0 items-center gap-0.5">
        <CopyIconButton label="Copy answer" text={() => message.content} />
        {onRegenerate && <IconButton size="sm" label="Regenerate" icon={RotateCcw} onClick={onRegenerate} />}
        <span className="w-1.5" />
        {message.stats ? (
          <AnswerStats stats={message.stats} modelName={modelName} />
        ) : (
          <span className="text-xs font-medium text-warn-text">incomplete</span>
        )}
      </div>
    </article>
  )
})
