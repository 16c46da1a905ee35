import { useEffect } from 'react'
import { type Conversation, type ModelSummary, samplingSchema } from '../../../electron/contract/domain.ts'
import { DeviceSelect } from '../../client/device-select.tsx'
import { useDevice } from '../../client/use-device.ts'
import { TextArea } from '../../ui/input.tsx'
import { Section } from '../../ui/page.tsx'
import { systemPromptOf } from './conversation.ts'
import { modelFacts } from './model-picker.tsx'
import { SamplingPanel } from './sampling-panel.tsx'
import type { ChatStore } from './store.ts'
import { useChat } from './use-chat-store.ts'

export interface ChatInspectorProps {
  store: ChatStore
  conversation: Conversation
  model: ModelSummary | undefined
  contextLength: number
}

/** What shapes the answers of this conversation: model, system prompt, sampling. */
export function ChatInspector({ store, conversation, model, contextLength }: ChatInspectorProps) {
  const { id, modelId } = conversation
  const device = useDevice()
  const defaults = useChat(store, (state) => state.defaults[modelId])

  useEffect(() => {
    void store.learnDefaults(modelId)
  }, [store, modelId])

  return (
    <div className="flex min-h-0 flex-1 flex-col gap-6 overflow-y-auto p-4">
      {model && (
        <Section title={model.name}>
          <p className="text-xs text-ink-2">{modelFacts(model, contextLength)}</p>
          {model.note && <p className="text-xs text-ink-3">{model.note}</p>}
          {!model.hasChatTemplate && (
            <p className="text-xs text-ink-3">
              This model brings no chat template: it was made to continue text, and gets your messages as plain text.
            </p>
          )}
        </Section>
      )}
      {device.gpus.length > 0 && (
        <Section title="Runs on" description={device.gpu?.name ?? device.machine?.cpu}>
          <DeviceSelect device={device} className="w-full" />
        </Section>
      )}
      <Section title="System prompt" description="Said to the model before the first message.">
        <TextArea
          aria-label="System prompt"
          rows={4}
          placeholder="None"
          value={systemPromptOf(conversation)}
          onChange={(event) => store.setSystemPrompt(id, event.target.value)}
        />
      </Section>
      <SamplingPanel
        value={conversation.sampling}
        defaults={defaults ?? samplingSchema.parse({})}
        onChange={(sampling) => store.setSampling(id, sampling)}
      />
    </div>
  )
}
