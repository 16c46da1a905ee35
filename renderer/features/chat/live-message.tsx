/** The answer that is being written: the only part of the screen that is rendered while text comes in. */
import { useSyncExternalStore } from 'react'
import { formatCount, formatDuration, formatTokensPerSecond } from '../../ui/format.ts'
import { ProgressBar } from '../../ui/progress.tsx'
import type { LiveAnswer, LiveSnapshot } from './live-answer.ts'
import { Markdown } from './markdown.tsx'

export function LiveMessage({ live, stopping }: { live: LiveAnswer; stopping: boolean }) {
  const snapshot = useSyncExternalStore(live.subscribe, live.snapshot)
  return (
    <article aria-label="Answer" aria-busy="true" className="flex flex-col gap-1.5">
      {snapshot.text !== '' && <Markdown text={snapshot.text} />}
      <div className="flex min-h-6 items-center gap-3 text-xs text-ink-3">
        <span>{stopping ? 'Stopping…' : progressOf(snapshot)}</span>
        {snapshot.phase === 'prefill' && snapshot.prefill !== null && (
          <ProgressBar
            label="Prompt read"
            className="w-32"
            value={snapshot.prefill.total > 0 ? snapshot.prefill.done / snapshot.prefill.total : null}
          />
        )}
      </div>
    </article>
  )
}

function progressOf(snapshot: LiveSnapshot): string {
  switch (snapshot.phase) {
    case 'waiting':
      return 'Waiting for the engine…'
    case 'loading':
      return 'Loading the model…'
    case 'prefill':
      return snapshot.prefill === null
        ? 'Reading the prompt…'
        : `Reading the prompt, ${formatCount(snapshot.prefill.done)} of ${formatCount(snapshot.prefill.total)} tokens`
    case 'writing':
      return [
        `${formatCount(snapshot.newTokens)} ${snapshot.newTokens === 1 ? 'token' : 'tokens'}`,
        snapshot.tokensPerSecond === null ? null : formatTokensPerSecond(snapshot.tokensPerSecond),
        snapshot.timeToFirstTokenMs === null
          ? null
          : `first after ${formatDuration(snapshot.timeToFirstTokenMs / 1000)}`,
      ]
        .filter((part) => part !== null)
        .join(' · ')
  }
}
