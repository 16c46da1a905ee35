/** Versions compared on a text of one's own: figures with their protocol, and the text coloured token by token. */
import { useState } from 'react'
import { useStore } from 'zustand'
import { TEXT_LIMIT_TOKENS, type TextComparisonResult } from '../../../electron/contract/difference.ts'
import type { CompareRow } from '../../../electron/contract/domain.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Field } from '../../ui/field.tsx'
import { formatPercent, significant } from '../../ui/format.ts'
import { TextArea } from '../../ui/input.tsx'
import { NumberField } from '../../ui/number-field.tsx'
import { ProgressBar } from '../../ui/progress.tsx'
import { RunBar } from '../../ui/run-bar.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import { ProtocolPopover } from '../../ui/stat.tsx'
import type { DifferenceRuns } from './difference-runs.ts'
import { NeedsVersions } from './needs-versions.tsx'
import { KlLegend, TokenText } from './token-text.tsx'
import { usePicks, VersionPicks } from './version-picks.tsx'

export interface OnATextProps {
  rows: readonly CompareRow[]
  run: DifferenceRuns['text']
}

export function OnAText({ rows, run }: OnATextProps) {
  const { running, progress, result, error } = useStore(run.store)
  const picks = usePicks(rows)
  const [text, setText] = useState('')
  const [window, setWindow] = useState(512)
  const canStart = picks.others.length > 0 && text.trim() !== '' && !running
  const start = () => void run.start({ modelIds: picks.modelIds, text, window })
  useShortcut({ keys: 'mod+enter', label: 'Compare on the text', enabled: canStart, run: start })
  if (picks.runnable.length < 2) return <NeedsVersions rows={rows} />
  const nameOf = (id: string) => rows.find(({ model }) => model.id === id)?.model.name ?? 'a version'
  return (
    <>
      <div className="flex min-h-0 flex-1 flex-col gap-5 overflow-y-auto p-5">
        <VersionPicks picks={picks} />
        <Field
          label="Text"
          hint={`The first ${TEXT_LIMIT_TOKENS} tokens count. Longer texts and files: Measure, under Versions.`}
        >
          <TextArea
            rows={6}
            value={text}
            disabled={running}
            placeholder="Paste what you work with: the figures are about your text then."
            onChange={(event) => setText(event.target.value)}
          />
        </Field>
        <Field label="Window" className="w-36" hint="They do not overlap.">
          <NumberField
            integer
            min={2}
            max={TEXT_LIMIT_TOKENS}
            unit="tokens"
            value={window}
            onChange={(next) => next !== null && setWindow(next)}
          />
        </Field>
        {error !== null && <ErrorView error={error} onRetry={start} />}
        {running && (
          <div className="flex items-center gap-4" role="status">
            <ProgressBar
              label="Comparing"
              value={progress.total === 0 ? null : progress.done / progress.total}
              className="max-w-80"
            />
            <span className="text-xs text-ink-3">
              {progress.phase === 'load' ? 'Loading' : `${progress.done} of ${progress.total} tokens`}
            </span>
          </div>
        )}
        {result !== null && <Result result={result} nameOf={nameOf} />}
      </div>
      <RunBar label="Compare on the text" running={running} canStart={canStart} onStart={start} onStop={run.stop} />
    </>
  )
}

type Version = TextComparisonResult['versions'][number]

function Result({ result, nameOf }: { result: TextComparisonResult; nameOf(id: string): string }) {
  const { versions, protocol, cut } = result
  const [shownId, setShownId] = useState<string | null>(null)
  const shown = versions.find(({ modelId }) => modelId === shownId) ?? versions[0]
  const figure = (name: string, { modelId, summary }: Version, words: string) => (
    <ProtocolPopover
      label={`${name} of ${nameOf(modelId)}`}
      protocol={{ ...protocol, tokens: summary.tokens, windows: summary.windows }}
    >
      {words}
    </ProtocolPopover>
  )
  return (
    <section aria-label="Difference on the text" className="flex flex-col gap-4">
      <DataTable
        label="Figures"
        rows={versions}
        rowKey={({ modelId }) => modelId}
        minWidth="44rem"
        className="-mx-5 flex-none"
        columns={[
          { id: 'version', header: 'Version', cell: ({ modelId }) => nameOf(modelId) },
          {
            id: 'mean',
            header: 'Mean KL',
            align: 'right',
            cell: (one) => figure('Mean KL', one, `${significant(one.summary.meanKl)} nats`),
          },
          {
            id: 'p99',
            header: '99th percentile',
            align: 'right',
            cell: (one) => figure('99th percentile', one, `${significant(one.summary.p99Kl)} nats`),
          },
          {
            id: 'agreement',
            header: 'Same likeliest token',
            align: 'right',
            cell: (one) => figure('Agreement', one, formatPercent(one.summary.topAgreement)),
          },
          {
            id: 'perplexity',
            header: 'Perplexity',
            align: 'right',
            cell: (one) => figure('Perplexity', one, significant(one.summary.perplexity, 4)),
          },
          {
            id: 'ratio',
            header: 'Times the reference',
            align: 'right',
            cell: (one) => figure('Perplexity ratio', one, `${one.summary.perplexityRatio.toFixed(4)} ×`),
          },
        ]}
      />
      <p className="text-xs text-ink-3">
        {shown !== undefined && howMeasured(shown, protocol)}
        {cut && ` The text goes on beyond the first ${TEXT_LIMIT_TOKENS} tokens, which were left out.`}
      </p>
      <div className="flex flex-wrap items-center gap-4">
        {versions.length > 1 && (
          <Segmented
            aria-label="Version shown in the text"
            value={shown?.modelId ?? null}
            onChange={setShownId}
            options={versions.map(({ modelId }) => ({ value: modelId, label: nameOf(modelId) }))}
          />
        )}
        <KlLegend />
      </div>
      {shown !== undefined && (
        <TokenText
          key={shown.modelId}
          label={`The text as ${nameOf(shown.modelId)} sees it`}
          tokens={shown.tokens}
          className="max-w-4xl"
        />
      )}
    </section>
  )
}

function howMeasured({ summary }: Version, protocol: TextComparisonResult['protocol']): string {
  const windows = summary.windows === 1 ? 'window' : 'windows'
  return [
    'KL(reference ‖ version) in nats over next-token distributions at temperature 1',
    `${summary.tokens} tokens in ${summary.windows} ${windows} of ${protocol.window}`,
    `perplexity of the reference ${significant(summary.referencePerplexity, 4)}`,
    `${protocol.computeDtype} on ${protocol.device}, loaded ${protocol.loaded}.`,
  ].join('; ')
}
