import { Check } from 'lucide-react'
import type { JobRecord } from '../../../electron/contract/domain.ts'
import { cn } from '../../ui/cn.ts'
import { formatBandwidth, formatCount, formatDuration, significant } from '../../ui/format.ts'
import { ProgressBar } from '../../ui/progress.tsx'
import { Stat } from '../../ui/stat.tsx'
import { elapsedSeconds, isActive } from './job-groups.ts'
import { phasesOf } from './phases.ts'

/** Phases by name, done of total, rate, time left when it is stable, and what a stop now would keep. */
export function JobProgress({ record, now }: { record: JobRecord; now: number }) {
  const { progress } = record
  const elapsed = elapsedSeconds(record, now)
  const active = isActive(record)
  return (
    <div className="flex flex-col gap-4">
      <PhaseSteps record={record} />
      {active && (
        <ProgressBar
          label={record.title}
          value={record.state === 'queued' ? 0 : progress && progress.total > 0 ? progress.done / progress.total : null}
          tone={record.state === 'stopping' ? 'warn' : 'accent'}
          className="h-2"
        />
      )}
      <div className="flex min-h-11 flex-wrap gap-x-8 gap-y-3">
        {progress && progress.total > 0 && record.state !== 'done' && (
          <Stat
            label={capitalised(progress.unit)}
            value={`${formatCount(progress.done)} of ${formatCount(progress.total)}`}
          />
        )}
        {active && progress?.rate != null && (
          <Stat label="Rate" value={`${significant(progress.rate, 3)} ${progress.unit}/s`} />
        )}
        {active && progress?.bytesPerSecond != null && (
          <Stat label="Read" value={formatBandwidth(progress.bytesPerSecond)} />
        )}
        {elapsed !== null && (
          <Stat
            label={active ? 'Running for' : 'Took'}
            value={formatDuration(active ? Math.floor(elapsed) : elapsed)}
          />
        )}
        {active && progress?.etaSeconds != null && (
          <Stat label="Left, about" value={formatDuration(Math.round(progress.etaSeconds))} />
        )}
        {record.attempts > 1 && <Stat label="Attempts" value={record.attempts} />}
      </div>
      {active && progress?.detail && <p className="truncate font-mono text-xs text-ink-3">{progress.detail}</p>}
      {active && progress?.checkpoint && <p className="text-xs text-ink-3">Safe so far: {progress.checkpoint}</p>}
    </div>
  )
}

function PhaseSteps({ record }: { record: JobRecord }) {
  const phases = phasesOf(record)
  if (phases.length === 0) return null
  return (
    <ol aria-label="Phases" className="flex flex-wrap gap-x-1 gap-y-1 text-xs">
      {phases.map(({ name, label, state }, index) => (
        <li key={name} aria-current={state === 'current' ? 'step' : undefined} className="flex items-center gap-1">
          {index > 0 && <span aria-hidden className="mx-1 h-px w-4 bg-line-strong" />}
          <span
            aria-hidden
            className={cn(
              'flex size-4 items-center justify-center rounded-full',
              state === 'done' && 'bg-ok-soft text-ok-text',
              state === 'current' && 'shadow-[inset_0_0_0_2px_var(--accent)]',
              state === 'ahead' && 'shadow-[inset_0_0_0_1px_var(--line-strong)]',
            )}
          >
            {state === 'done' && <Check className="size-3" />}
          </span>
          <span className={state === 'current' ? 'font-medium text-ink' : 'text-ink-3'}>
            {label}
            {state === 'done' && <span className="sr-only">, done</span>}
          </span>
        </li>
      ))}
    </ol>
  )
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
