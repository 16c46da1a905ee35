import { Download, PanelRight, ScrollText } from 'lucide-react'
import { useCallback, useRef, useState } from 'react'
import type { Conversation, ModelSummary } from '../../../electron/contract/domain.ts'
import { canSee } from '../../../electron/plan/abilities.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { PictureDrop } from '../../client/picture-drop.tsx'
import { Button, IconButton } from '../../ui/button.tsx'
import { downloadText } from '../../ui/download.ts'
import { Menu } from '../../ui/menu.tsx'
import { PageHeader } from '../../ui/page.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import type { Attached } from './attaching.ts'
import { Composer } from './composer.tsx'
import { hasPictures } from './conversation.ts'
import { chatAsJson, chatAsMarkdown, type ExportedChat } from './export-chat.ts'
import { MessageList } from './message-list.tsx'
import { ModelPicker } from './model-picker.tsx'
import { PromptViewer } from './prompt-viewer.tsx'
import { rememberModel } from './remembered.ts'
import type { ChatStore } from './store.ts'
import { useChat } from './use-chat-store.ts'

export interface ChatSurfaceProps {
  store: ChatStore
  conversation: Conversation
  models: readonly ModelSummary[]
  modelName(id: string): string
  contextLength: number
  inspecting: boolean
  onInspecting(open: boolean): void
}

/** The open conversation with its header and the field to write in. */
export function ChatSurface(props: ChatSurfaceProps) {
  const { store, conversation, models, modelName, contextLength, inspecting, onInspecting } = props
  const { id, modelId, messages } = conversation
  const run = useChat(store, (state) => state.run)
  const draft = useChat(store, (state) => state.drafts[id] ?? '')
  const attached = useChat(store, (state) => state.attached[id] ?? NOTHING)
  const saveFailure = useChat(store, (state) => state.saveFailure)
  const [editingId, setEditingId] = useState<string | null>(null)
  const [showPrompt, setShowPrompt] = useState(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const model = models.find((candidate) => candidate.id === modelId)
  const running = run?.conversationId === id

  const setEditing = useCallback((messageId: string | null) => {
    setEditingId(messageId)
    if (messageId === null) field.current?.focus()
  }, [])

  useShortcut({ keys: 'escape', label: 'Stop the answer', inFields: true, enabled: running, run: () => store.stop() })
  useShortcut({ keys: 'mod+enter', label: 'Send', enabled: !running, run: () => store.send() })

  return (
    <PictureDrop
      label="Conversation"
      onFiles={(files) => void store.attach(id, files)}
      className="flex min-h-0 flex-1 flex-col"
    >
      <PageHeader
        title={conversation.title}
        beside={
          <ModelPicker
            models={models}
            value={modelId}
            contextLength={contextLength}
            disabled={running}
            onChange={(next) => {
              store.setModel(id, next)
              rememberModel(next)
            }}
          />
        }
        actions={
          <>
            <IconButton
              label="Show the prompt"
              icon={ScrollText}
              disabled={messages.length === 0 || model === undefined}
              onClick={() => setShowPrompt(true)}
            />
            <Menu
              items={[
                { label: 'Markdown', onSelect: () => download(chatAsMarkdown(conversation, modelName)) },
                { label: 'JSON', onSelect: () => download(chatAsJson(conversation)) },
              ]}
            >
              <Button variant="ghost" className="w-8 px-0" aria-label="Export" disabled={messages.length === 0}>
                <Download aria-hidden />
              </Button>
            </Menu>
            <IconButton
              label="Chat settings"
              icon={PanelRight}
              aria-pressed={inspecting}
              onClick={() => onInspecting(!inspecting)}
            />
          </>
        }
      />
      <MessageList
        store={store}
        conversation={conversation}
        model={model}
        modelName={modelName}
        editingId={editingId}
        onEditing={setEditing}
      />
      {saveFailure && (
        <ErrorView
          className="mx-5 mb-3"
          title="This chat is not saved"
          error={saveFailure}
          onRetry={() => store.retrySaving()}
        />
      )}
      <Composer
        value={draft}
        onChange={(text) => store.setDraft(id, text)}
        running={running}
        stopping={run?.stopping ?? false}
        blocked={blockedReason(model, run !== null && !running)}
        field={field}
        onSend={() => store.send()}
        onStop={() => store.stop()}
        attached={attached}
        blind={blindReason(model, attached.length > 0 || hasPictures(conversation))}
        onFiles={(files) => void store.attach(id, files)}
        onDetach={(key) => store.detach(id, key)}
        onEditLast={() => setEditing(messages.findLast((message) => message.role === 'user')?.id ?? null)}
      />
      {showPrompt && <PromptViewer modelId={modelId} messages={messages} onClose={() => setShowPrompt(false)} />}
    </PictureDrop>
  )
}

function download({ fileName, content, mimeType }: ExportedChat): void {
  downloadText(fileName, content, mimeType)
}

/** A new list each time would look like a change. */
const NOTHING: readonly Attached[] = []

function blindReason(model: ModelSummary | undefined, hasAny: boolean): string | null {
  if (!hasAny || model === undefined || canSee(model)) return null
  return `${model.name} reads text alone; it sees no pictures. Choose a model that sees, or take the pictures out.`
}

function blockedReason(model: ModelSummary | undefined, runningElsewhere: boolean): string | null {
  if (model === undefined) return 'Pick a model first'
  if (model.runProblem !== null) return model.runProblem.message
  return runningElsewhere ? 'Another chat is being answered' : null
}
