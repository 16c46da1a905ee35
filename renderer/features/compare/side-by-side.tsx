/** One prompt, several versions: answers in columns, coloured by how differently the reference would have gone on. */
import { useState } from 'react'
import { useStore } from 'zustand'
import type { Answer } from '../../../electron/contract/difference.ts'
import type { CompareRow } from '../../../electron/contract/domain.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { Badge } from '../../ui/badge.tsx'
import { formatPercent, formatTokensPerSecond, significant } from '../../ui/format.ts'
import { ProgressBar } from '../../ui/progress.tsx'
import { RunBar } from '../../ui/run-bar.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import type { DifferenceRuns, WritingProgress } from './difference-runs.ts'
import { NeedsVersions } from './needs-versions.tsx'
import { FIRST_ASKING, PromptForm, requestOf } from './prompt-form.tsx'
import { KlLegend, PartsMark, TokenText } from './token-text.tsx'
import { usePicks, VersionPicks } from './version-picks.tsx'

export interface SideBySideProps {
  rows: readonly CompareRow[]
  run: DifferenceRuns['answers']
}

export function SideBySide({ rows, run }: SideBySideProps) {
  const { running, input, progress, result, error } = useStore(run.store)
  const picks = usePicks(rows)
  const [asking, setAsking] = useState(FIRST_ASKING)
  const canAsk = picks.others.length > 0 && asking.text.trim() !== '' && !running
  const ask = () => void run.start({ modelIds: picks.modelIds, ...requestOf(asking) })
  useShortcut({ keys: 'mod+enter', label: 'Compare answers', enabled: canAsk, run: ask })
  if (picks.runnable.length < 2) return <NeedsVersions rows={rows} />

  const nameOf = (id: string) => rows.find(({ model }) => model.id === id)?.model.name ?? 'a version'
  const columns = input?.modelIds ?? []
  return (
    <>
      <div className="flex min-h-0 flex-1 flex-col gap-5 overflow-y-auto p-5">
        <VersionPicks picks={picks} />
        <PromptForm asking={asking} onChange={setAsking} disabled={running} />
        {error !== null && <ErrorView error={error} onRetry={ask} />}
        {running && <Doing progress={progress} nameOf={nameOf} />}
        {columns.length > 0 && error === null && (
          <section aria-label="Answers" className="flex flex-col gap-3">
            {result !== null && <KlLegend />}
            <div className="grid grid-cols-[repeat(auto-fit,minmax(min(100%,20rem),1fr))] gap-4">
              {columns.map((modelId, index) => {
                const answer = result?.answers[index]
                return (
                  <article
                    key={modelId}
                    aria-label={`Answer of ${nameOf(modelId)}`}
                    className="flex min-w-0 flex-col gap-2 rounded-lg border border-line p-4"
                  >
                    <h2 className="flex min-w-0 items-center gap-2 text-sm font-semibold text-ink">
                      <span className="truncate">{nameOf(modelId)}</span>
                      {index === 0 && <Badge>reference</Badge>}
                    </h2>
                    {answer === undefined ? (
                      <p className="text-base leading-7 break-words whitespace-pre-wrap text-ink">
                        {progress.texts[modelId] ?? ''}
                      </p>
                    ) : (
                      <Written answer={answer} name={nameOf(modelId)} isReference={index === 0} all={result?.answers} />
                    )}
                  </article>
                )
              })}
            </div>
            {result !== null && (
              <p className="text-xs text-ink-3">
                KL(reference ‖ version) in nats at each token of the version’s own answer, temperature 1;{' '}
                {result.computeDtype} on {result.device}, {result.together ? 'loaded together' : 'loaded one by one'}
                {(input?.sampling.temperature ?? 0) > 0 && `, seed ${result.seed}`}.
              </p>
            )}
          </section>
        )}
      </div>
      <RunBar label="Compare answers" running={running} canStart={canAsk} onStart={ask} onStop={run.stop} />
    </>
  )
}

interface WrittenProps {
  answer: Answer
  name: string
  isReference: boolean
  all: readonly Answer[] | undefined
}

function Written({ answer, name, isReference, all = [] }: WrittenProps) {
  const { summary, tokens, firstDifference, tokensPerSecond } = answer
  const speed = formatTokensPerSecond(tokensPerSecond)
  if (isReference) {
    // The first place at which any other answer leaves it.
    const parts = all.flatMap((other) => other.firstDifference ?? [])
    const at = parts.length === 0 ? null : Math.min(...parts)
    return (
      <>
        <p className="text-xs text-ink-3">
          {tokens.length} tokens, {speed}
        </p>
        <p className="text-base leading-7 break-words whitespace-pre-wrap text-ink">
          {at === null ? (
            answer.text
          ) : (
            <>
              {textOf(tokens.slice(0, at))}
              <PartsMark />
              {textOf(tokens.slice(at))}
            </>
          )}
        </p>
      </>
    )
  }
  return (
    <>
      <p className="text-xs text-ink-3">
        {tokens.length} tokens, {speed}
        {summary !== null && (
          <>
            , mean KL {significant(summary.meanKl)} nats, same likeliest token {formatPercent(summary.topAgreement)}
          </>
        )}
        {firstDifference === null ? ', the same answer' : `, parts at token ${firstDifference + 1}`}
      </p>
      <TokenText label={`Answer of ${name}`} tokens={tokens} partsAt={firstDifference} />
    </>
  )
}

function textOf(tokens: Answer['tokens']): string {
  return tokens.map(({ text }) => text).join('')
}

function Doing({ progress, nameOf }: { progress: WritingProgress; nameOf(id: string): string }) {
  const { loading, comparing } = progress
  const words =
    loading !== null
      ? `Loading ${nameOf(loading)}`
      : comparing !== null
        ? `Comparing token by token, ${comparing.done} of ${comparing.total}`
        : 'Writing'
  return (
    <div className="flex items-center gap-4" role="status">
      <ProgressBar
        label={words}
        value={comparing === null || comparing.total === 0 ? null : comparing.done / comparing.total}
        className="max-w-80"
      />
      <span className="text-xs text-ink-3">{words}</span>
    </div>
  )
}
