import { ArrowDown } from 'lucide-react'
import { useCallback, useEffect } from 'react'
import type { Conversation, ModelSummary } from '../../../electron/contract/domain.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { Button } from '../../ui/button.tsx'
import { cn } from '../../ui/cn.ts'
import { toast } from '../../ui/toast.tsx'
import { awaitsAnswer } from './conversation.ts'
import { LiveMessage } from './live-message.tsx'
import { Answer, Question } from './message.tsx'
import type { ChatStore, Undo } from './store.ts'
import { useChat } from './use-chat-store.ts'
import { useStickToBottom } from './use-stick-to-bottom.ts'

export interface MessageListProps {
  store: ChatStore
  conversation: Conversation
  model: ModelSummary | undefined
  modelName(id: string): string
  editingId: string | null
  onEditing(id: string | null): void
}

function offerUndo(title: string, undo: Undo | null): void {
  if (undo !== null) toast.info(title, { action: { label: 'Undo', run: undo } })
}

/** The messages, newest at the end. Stays at the end while text comes in, until the reader scrolls up. */
export function MessageList({ store, conversation, model, modelName, editingId, onEditing }: MessageListProps) {
  const run = useChat(store, (state) => state.run)
  const failure = useChat(store, (state) => state.failure)
  const { surface, content, stuck, stick } = useStickToBottom()
  const here = run?.conversationId === conversation.id ? run : null
  const messages = conversation.messages.filter((message) => message.role !== 'system')
  const lastId = messages.at(-1)?.id

  // Opening a conversation and asking both lead to its end; the end of an answer moves nothing.
  const asked = here?.messageId
  // biome-ignore lint/correctness/useExhaustiveDependencies: the id is the reason to move
  useEffect(() => stick(), [conversation.id, stick])
  useEffect(() => {
    if (asked !== undefined) stick()
  }, [asked, stick])

  const edit = useCallback(
    (id: string, text: string) => {
      onEditing(null)
      offerUndo('Message replaced', store.edit(id, text))
    },
    [store, onEditing],
  )
  const regenerate = useCallback(() => offerUndo('Answer replaced', store.askAgain()), [store])

  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      <div
        ref={surface}
        role="log"
        aria-label="Messages"
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolled by keyboard
        tabIndex={0}
        // At the end the end is the anchor; the browser's own choice would pull away from it.
        className={cn(
          'min-h-0 flex-1 overflow-y-auto focus-visible:-outline-offset-2',
          stuck && '[overflow-anchor:none]',
        )}
      >
        <div ref={content} className="mx-auto flex max-w-184 flex-col gap-6 px-5 py-6">
          {model?.note && <p className="text-sm text-ink-3">{model.note}</p>}
          {messages.map((message) =>
            message.role === 'user' ? (
              <Question
                key={message.id}
                message={message}
                editing={message.id === editingId}
                canEdit={run === null}
                onEditing={onEditing}
                onEdit={edit}
              />
            ) : (
              <Answer
                key={message.id}
                message={message}
                modelName={modelName(message.stats?.modelId ?? conversation.modelId)}
                onRegenerate={run === null && message.id === lastId ? regenerate : null}
              />
            ),
          )}
          {here !== null && <LiveMessage live={store.live} stopping={here.stopping} />}
          {failure?.conversationId === conversation.id ? (
            <ErrorView error={failure.error} onRetry={regenerate} />
          ) : (
            run === null && awaitsAnswer(conversation) && <Unanswered onAnswer={regenerate} />
          )}
        </div>
      </div>
      {!stuck && (
        <Button size="sm" className="absolute bottom-2 left-1/2 -translate-x-1/2 shadow-float" onClick={stick}>
          <ArrowDown aria-hidden />
          Newest
        </Button>
      )}
      <p role="status" className="sr-only">
        {here !== null
          ? 'The model is writing.'
          : messages.at(-1)?.role === 'assistant'
            ? 'The answer is complete.'
            : ''}
      </p>
    </div>
  )
}

function Unanswered({ onAnswer }: { onAnswer(): void }) {
  return (
    <div className="flex items-center justify-end gap-3 text-sm text-ink-3">
      This message has no answer yet.
      <Button size="sm" onClick={onAnswer}>
        Answer it
      </Button>
    </div>
  )
}
