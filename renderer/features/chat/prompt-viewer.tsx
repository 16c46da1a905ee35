import type { ChatMessage } from '../../../electron/contract/domain.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { useQuery } from '../../client/use-query.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { CopyButton } from '../../ui/error-panel.tsx'
import { formatCount } from '../../ui/format.ts'
import { SkeletonRows } from '../../ui/skeleton.tsx'

export interface PromptViewerProps {
  modelId: string
  messages: readonly ChatMessage[]
  onClose(): void
}

/** The prompt exactly as the model sees it: the chat template's output and its token ids. */
export function PromptViewer({ modelId, messages, onClose }: PromptViewerProps) {
  const { data, error, isLoading, refetch } = useQuery('chat.render', { modelId, messages: [...messages] })
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="lg"
      title="Prompt"
      description={`${data ? `${formatCount(data.ids.length)} tokens, exactly` : 'Exactly'} as the model sees them.`}
      footer={data && <CopyButton label="Copy prompt" text={data.text} />}
    >
      {isLoading && <SkeletonRows label="Rendering the prompt" rows={4} />}
      {error && <ErrorView error={error} onRetry={refetch} />}
      {data && <PromptText text={data.text} ids={data.ids} />}
    </Dialog>
  )
}

function PromptText({ text, ids }: { text: string; ids: readonly number[] }) {
  return (
    <div className="flex min-h-0 flex-col gap-3">
      <section
        aria-label="Prompt text"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolled by keyboard
        tabIndex={0}
        className="max-h-[45vh] overflow-auto rounded-md bg-sunken p-3 font-mono text-sm break-words whitespace-pre-wrap"
      >
        {text}
      </section>
      <details>
        <summary className="text-sm text-ink-2">Token ids</summary>
        <p className="mt-2 max-h-40 overflow-y-auto font-mono text-xs break-words text-ink-2">{ids.join(' ')}</p>
      </details>
    </div>
  )
}
