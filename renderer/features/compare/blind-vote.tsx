/** Two answers, versions hidden until the vote; the tally with its confidence interval. */
import { useState } from 'react'
import { useStore } from 'zustand'
import type { Ballot, Side, Tally } from '../../../electron/contract/difference.ts'
import type { CompareRow } from '../../../electron/contract/domain.ts'
import { useClient, useQueryCache } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { useAction } from '../../client/use-action.ts'
import { useQuery } from '../../client/use-query.ts'
import { Badge } from '../../ui/badge.tsx'
import { Button } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { RunBar } from '../../ui/run-bar.tsx'
import { Select } from '../../ui/select.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import type { DifferenceRuns } from './difference-runs.ts'
import { NeedsVersions } from './needs-versions.tsx'
import { FIRST_ASKING, PromptForm, requestOf } from './prompt-form.tsx'
import { TallyView } from './tally-view.tsx'

export interface BlindVoteProps {
  rows: readonly CompareRow[]
  run: DifferenceRuns['blind']
}

interface Revealed {
  readonly id: string
  readonly left: string
  readonly right: string
  readonly ballot: Ballot
}

const SIDES: readonly (readonly [Side, string])[] = [
  ['left', 'Left'],
  ['right', 'Right'],
]

export function BlindVote({ rows, run }: BlindVoteProps) {
  const client = useClient()
  const cache = useQueryCache()
  const { running, progress, result, error } = useStore(run.store)
  const [asking, setAsking] = useState(FIRST_ASKING)
  const [revealed, setRevealed] = useState<Revealed | null>(null)
  const [chosen, setChosen] = useState<readonly [string | null, string | null]>([null, null])
  const runnable = rows.filter(({ model }) => model.runProblem === null)
  const first = runnable.find(({ model }) => model.id === chosen[0]) ?? runnable[0]
  const second =
    runnable.find(({ model }) => model.id === chosen[1] && model !== first?.model) ??
    runnable.filter((row) => row !== first).at(-1)
  const pair: [string, string] = [first?.model.id ?? '', second?.model.id ?? '']
  const tally = useQuery('blind.tally', { modelIds: pair }, { enabled: second !== undefined })
  const nameOf = (id: string) => rows.find(({ model }) => model.id === id)?.model.name ?? 'a version'

  const vote = useAction(async (ballot: Ballot) => {
    if (result === null) return
    const { left, right } = await client.call('blind.vote', { id: result.id, ballot })
    setRevealed({ id: result.id, left, right, ballot })
    cache.invalidate('blind.tally')
  })
  const clear = useAction(async () => {
    await client.call('blind.clear', { modelIds: pair })
    cache.invalidate('blind.tally')
  })
  const ask = () => {
    setRevealed(null)
    vote.reset()
    void run.start({ modelIds: pair, ...requestOf(asking) })
  }
  const canAsk = second !== undefined && asking.text.trim() !== '' && !running
  const open = result !== null && revealed?.id !== result.id && !running
  useShortcut({ keys: 'mod+enter', label: 'Ask both', enabled: canAsk, run: ask })
  if (second === undefined) return <NeedsVersions rows={rows} />

  const shown = revealed !== null && revealed.id === result?.id ? revealed : null
  return (
    <>
      <div className="flex min-h-0 flex-1 flex-col gap-5 overflow-y-auto p-5">
        <div className="flex flex-wrap gap-x-6 gap-y-3">
          {(['One', 'The other'] as const).map((label, index) => (
            <Field key={label} label={label} className="w-56">
              <Select
                value={pair[index] ?? ''}
                disabled={running}
                onChange={(id) => setChosen(index === 0 ? [id, pair[1]] : [pair[0], id])}
                options={runnable
                  .filter(({ model }) => model.id !== pair[1 - index])
                  .map(({ model }) => ({ value: model.id, label: model.name }))}
              />
            </Field>
          ))}
        </div>
        <PromptForm asking={asking} onChange={setAsking} disabled={running} />
        {error !== null && <ErrorView error={error} onRetry={ask} />}
        {(running || result !== null) && (
          <section aria-label="Two answers" className="flex flex-col gap-3">
            <div className="grid gap-4 md:grid-cols-2">
              {SIDES.map(([side, label]) => (
                <article key={side} aria-label={label} className="min-w-0 rounded-lg border border-line p-4">
                  <h2 className="mb-2 flex items-center gap-2 text-sm font-semibold text-ink">
                    {label}
                    {shown !== null && <Badge tone="accent">{nameOf(shown[side])}</Badge>}
                    {shown?.ballot === side && <Badge tone="ok">your choice</Badge>}
                  </h2>
                  <p className="text-base leading-7 break-words whitespace-pre-wrap text-ink">
                    {result?.[side] ?? progress.texts[side] ?? (progress.loading === side ? 'Loading' : '')}
                  </p>
                </article>
              ))}
            </div>
            <fieldset aria-label="Which is better" className="flex flex-wrap justify-center gap-2">
              {(
                [
                  ['left', 'Left is better'],
                  ['tie', 'No difference'],
                  ['right', 'Right is better'],
                ] as const
              ).map(([ballot, words]) => (
                <Button key={ballot} disabled={!open || vote.pending} onClick={() => void vote.run(ballot)}>
                  {words}
                </Button>
              ))}
            </fieldset>
            {vote.error !== null && <ErrorView error={vote.error} />}
          </section>
        )}
        {tally.data !== undefined && (
          <TallyView
            tally={tally.data}
            names={[nameOf(pair[0]), nameOf(pair[1])]}
            onClear={countOf(tally.data) > 0 ? () => void clear.run() : null}
          />
        )}
      </div>
      <RunBar label="Ask both" running={running} canStart={canAsk} onStart={ask} onStop={run.stop} />
    </>
  )
}

function countOf({ first, second, ties }: Tally): number {
  return first + second + ties
}
