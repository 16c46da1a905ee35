import { useClient, useQueryCache } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { useAction } from '../../client/use-action.ts'
import { useQuery } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { formatDisk } from '../../ui/format.ts'
import { NumberField } from '../../ui/number-field.tsx'
import { Section } from '../../ui/page.tsx'
import type { SettingsPartProps } from './engine-section.tsx'

/** Quantized layers and measurements of models that are kept, so that the next configuration takes no time. */
export function KeptSection({ settings, change }: SettingsPartProps) {
  const client = useClient()
  const cache = useQueryCache()
  const { data: usage } = useQuery('kept.usage', {})
  const clear = useAction(async () => {
    await client.call('kept.clear', {})
    cache.invalidate('kept.usage')
  })
  return (
    <Section
      title="Kept for next time"
      description="Layers that were quantized once, and what was measured of a model: a changed configuration quantizes only what changed."
    >
      <Field label="At most" layout="row" hint="What was used longest ago goes first">
        <NumberField
          value={settings.keptBytes / 1e9}
          onChange={(gigabytes) => gigabytes !== null && change({ keptBytes: gigabytes * 1e9 })}
          min={0}
          max={100_000}
          step={1}
          unit="GB"
          className="w-40"
        />
      </Field>
      <div className="flex items-center gap-3">
        <p className="flex-1 text-sm text-ink-2">
          {usage === undefined ? 'Counting' : `${formatDisk(usage.bytes)} in ${usage.files} files`}
        </p>
        <Button pending={clear.pending} disabled={usage?.files === 0} onClick={() => void clear.run()}>
          Delete them
        </Button>
      </div>
      {clear.error && <ErrorView error={clear.error} />}
    </Section>
  )
}
