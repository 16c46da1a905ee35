import { FileText, ScrollText } from 'lucide-react'
import type { ReactNode } from 'react'
import type { ModelDetail } from '../../../electron/contract/domain.ts'
import { EmptyState } from '../../ui/empty-state.tsx'
import { CopyButton } from '../../ui/error-panel.tsx'
import { Section } from '../../ui/page.tsx'
import { Scroller } from '../../ui/scroller.tsx'

/** The chat template and the generation defaults, exactly as the model brings them. */
export function ModelTemplate({ detail }: { detail: ModelDetail }) {
  const hasDefaults = Object.keys(detail.generation).length > 0
  if (!detail.chatTemplate && !hasDefaults) {
    return (
      <EmptyState icon={ScrollText} title="No chat template">
        This model brings none, so it can only continue a text.
      </EmptyState>
    )
  }
  return (
    <Texts>
      {detail.chatTemplate && (
        <CodeText
          title="Chat template"
          description="Jinja, copied byte for byte into every version"
          text={detail.chatTemplate}
        />
      )}
      {hasDefaults && (
        <CodeText
          title="Generation defaults"
          description="generation_config.json"
          text={JSON.stringify(detail.generation, null, 2)}
        />
      )}
    </Texts>
  )
}

/** hqq-studio.json: how a version was made, to the last setting. */
export function ModelProvenance({ detail }: { detail: ModelDetail }) {
  if (!detail.provenance) {
    return (
      <EmptyState icon={FileText} title="No record of its making">
        Versions made here carry one: the configuration of each tensor, source, engine and measured numbers.
      </EmptyState>
    )
  }
  return (
    <Texts>
      <CodeText
        title="Record of its making"
        description="hqq-studio.json, beside the weights"
        text={JSON.stringify(withoutLongLists(detail.provenance), null, 2)}
        copy={JSON.stringify(detail.provenance, null, 2)}
      />
    </Texts>
  )
}

/** The model's own card, as text. */
export function ModelCardText({ card }: { card: string }) {
  return (
    <Texts>
      <pre className="max-w-[80ch] font-sans text-base whitespace-pre-wrap text-ink-2">{card}</pre>
    </Texts>
  )
}

/** Lists with one entry for each tensor would bury the rest; they are counted here and shown in Tensors. */
function withoutLongLists(provenance: NonNullable<ModelDetail['provenance']>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(provenance).map(([name, value]) => [
      name,
      Array.isArray(value) && value.length > 20 ? `${value.length} entries, in the file` : value,
    ]),
  )
}

function Texts({ children }: { children: ReactNode }) {
  return (
    <Scroller label="Text" className="flex flex-col gap-6 px-5 py-5">
      {children}
    </Scroller>
  )
}

interface CodeTextProps {
  title: string
  description: string
  text: string
  /** What "Copy" copies, where that is more than what is shown. */
  copy?: string
}

function CodeText({ title, description, text, copy = text }: CodeTextProps) {
  return (
    <Section title={title} description={description} actions={<CopyButton text={copy} label="Copy" />}>
      <pre className="overflow-x-auto rounded-md bg-sunken p-3 font-mono text-xs whitespace-pre-wrap text-ink shadow-[inset_0_0_0_1px_var(--line)]">
        {text}
      </pre>
    </Section>
  )
}
