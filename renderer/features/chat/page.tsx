/** The Chat screen: kept conversations, the open one, and what shapes its answers. */
import { MessageSquare } from 'lucide-react'
import { useEffect, useState } from 'react'
import { toAppError } from '../../../electron/contract/errors.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { errorWords } from '../../client/error-words.ts'
import { hrefFor, navigate, useRoute } from '../../client/route.ts'
import { useQuery, useWatch } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { useCommands } from '../../ui/commands.ts'
import { EmptyState } from '../../ui/empty-state.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { SplitPane } from '../../ui/split-pane.tsx'
import { toast } from '../../ui/toast.tsx'
import { ChatInspector } from './chat-inspector.tsx'
import { ChatSurface } from './chat-surface.tsx'
import { ConversationList } from './conversation-list.tsx'
import { rememberedModel, rememberModel, rememberSettingsOpen, settingsOpenAtStart } from './remembered.ts'
import { useChat, useChatStore } from './use-chat-store.ts'

const DEFAULT_CONTEXT = 2048

export function ChatPage() {
  const store = useChatStore()
  const { params } = useRoute()
  const { data } = useWatch('models.watch', {})
  const { data: settings } = useQuery('settings.get', {})
  const chats = useChat(store, (state) => state.chats)
  const listing = useChat(store, (state) => state.listing)
  const opening = useChat(store, (state) => state.opening)
  const openId = useChat(store, (state) => state.openId)
  const conversation = useChat(store, (state) =>
    state.openId === null ? undefined : state.conversations[state.openId],
  )
  const runningId = useChat(store, (state) => state.run?.conversationId ?? null)
  const [inspecting, setInspecting] = useState(settingsOpenAtStart)

  const models = data?.models
  const usable = models?.filter((model) => model.runProblem === null) ?? []
  const firstModel = usable.find((model) => model.id === rememberedModel()) ?? usable[0]
  const contextLength = settings?.contextLength ?? DEFAULT_CONTEXT

  function modelName(id: string): string {
    return models?.find((model) => model.id === id)?.name ?? 'a model that is gone'
  }

  function begin(modelId: string): void {
    store.begin(modelId)
    rememberModel(modelId)
    navigate('chat', {}, { replace: true })
  }

  function beginWithSameModel(): void {
    const modelId = conversation?.modelId ?? firstModel?.id
    if (modelId !== undefined) begin(modelId)
  }

  useOpenFromAddress(store, params)
  useCommands([{ id: 'new-chat', label: 'New chat', group: 'Chat', run: beginWithSameModel }])

  // Somebody who comes to talk finds a place to type.
  const firstModelId = firstModel?.id
  useEffect(() => {
    if (openId === null && params.chat === undefined && params.model === undefined && firstModelId !== undefined) {
      store.begin(firstModelId)
    }
  }, [store, openId, params.chat, params.model, firstModelId])

  // Once there is something to come back to, the address leads to it.
  const keptId = chats.some((chat) => chat.id === openId) ? openId : null
  useEffect(() => {
    if (keptId !== null) navigate('chat', { chat: keptId }, { replace: true })
  }, [keptId])

  async function remove(id: string): Promise<void> {
    try {
      const undo = await store.remove(id)
      if (id === openId) navigate('chat', {}, { replace: true })
      toast.info('Chat deleted', undo === null ? {} : { action: { label: 'Undo', run: undo } })
    } catch (thrown) {
      const { code, message } = toAppError(thrown)
      toast.failed(errorWords(code).title, { description: message })
    }
  }

  return (
    <SplitPane
      id="chat"
      listLabel="Chats"
      listWidth={240}
      list={
        listing.state === 'failed' ? (
          <ErrorView className="m-3" error={listing.error} onRetry={() => void store.load()} />
        ) : (
          <ConversationList
            chats={chats}
            loading={listing.state === 'loading'}
            openId={openId}
            runningId={runningId}
            canBegin={firstModel !== undefined}
            modelName={modelName}
            onNew={beginWithSameModel}
            onOpen={(id) => void store.open(id)}
            onRename={(id, title) => void store.rename(id, title)}
            onRemove={(id) => void remove(id)}
          />
        )
      }
      inspectorLabel="Chat settings"
      inspectorWidth={300}
      inspector={
        inspecting &&
        conversation && (
          <ChatInspector
            store={store}
            conversation={conversation}
            model={models?.find((model) => model.id === conversation.modelId)}
            contextLength={contextLength}
          />
        )
      }
    >
      {conversation && models ? (
        <ChatSurface
          key={conversation.id}
          store={store}
          conversation={conversation}
          models={models}
          modelName={modelName}
          contextLength={contextLength}
          inspecting={inspecting}
          onInspecting={(open) => {
            setInspecting(open)
            rememberSettingsOpen(open)
          }}
        />
      ) : opening?.error ? (
        <ErrorView className="m-5" error={opening.error} onRetry={() => void store.open(opening.id)} />
      ) : models && usable.length === 0 ? (
        <EmptyState
          icon={MessageSquare}
          title="No model to talk to"
          action={
            <Button asChild variant="primary">
              <a href={hrefFor('models')}>Add a model</a>
            </Button>
          }
        >
          Conversations with your models will be here.
        </EmptyState>
      ) : (
        <SkeletonRows label="Loading the chat" />
      )}
    </SplitPane>
  )
}

/** `?chat=` opens a kept conversation, `?model=` begins one. */
function useOpenFromAddress(store: ReturnType<typeof useChatStore>, params: Readonly<Record<string, string>>): void {
  const { chat, model } = params
  useEffect(() => {
    if (chat !== undefined && store.state.getState().openId !== chat) void store.open(chat)
  }, [store, chat])
  useEffect(() => {
    if (model === undefined) return
    store.begin(model)
    rememberModel(model)
    navigate('chat', {}, { replace: true })
  }, [store, model])
}
